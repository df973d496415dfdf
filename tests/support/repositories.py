"""Repositories in memory, whose clock a test owns and whose keys cost nothing to open."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId, SnapshotId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.manifest import Manifest, load_manifest, manifest_ids
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository, create_repository, open_repository
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.tree import content_of, walk
from tests.support.clocks import FakeClock

KEYRING = Keyring(Ring.new(Random(1).randbytes))
"""Always the same keys, so that a test's files are cut alike in every run."""


def any_repository(limits: ChunkLimits | None = None) -> Repository:
    catalogue = MemoryCatalogue()
    return Repository(
        id=RepositoryId("0" * 32),
        objects=MemoryObjects(),
        index=catalogue,
        ledger=catalogue,
        keyring=KEYRING,
        limits=limits or ChunkLimits(),
        clock=FakeClock(step=timedelta(microseconds=1)),
    )


def cheap_key(password: str = "password") -> PasswordKey:
    """A key whose password costs next to nothing to try."""
    return PasswordKey(password, cost=PasswordCost(memory_kib=64, passes=1, lanes=1))


def any_created() -> Repository:
    """A repository with everything it has in real life: a config and a key slot, here for the password `password`."""
    objects, catalogue, clock = MemoryObjects(), MemoryCatalogue(), FakeClock(step=timedelta(microseconds=1))
    create_repository(objects, [cheap_key()], clock=clock)
    return open_repository(objects, catalogue, catalogue, [cheap_key()], clock=clock)


def objects_of(repository: Repository) -> dict[str, bytes]:
    """The objects themselves, to be changed behind the repository's back."""
    assert isinstance(repository.objects, MemoryObjects)
    return repository.objects.objects


def flip(repository: Repository, key: str, at: int, mask: int = 0x10) -> None:
    data = bytearray(objects_of(repository)[key])
    data[at] ^= mask
    objects_of(repository)[key] = bytes(data)


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def manifests_of(repository: Repository) -> list[Manifest]:
    """Every manifest, acknowledged or not."""
    return [load_manifest(repository, id_) for id_ in manifest_ids(repository)]


def contents_of(repository: Repository, snapshot: SnapshotId) -> dict[str, bytes]:
    """What a snapshot of one scripted source gives back: each file's bytes by name."""
    reader = ChunkReader(repository)
    found = {}
    for path, entry in walk(reader, load_manifest(repository, snapshot).roots):
        if len(path) == 2:
            items = content_of(reader, entry)
            found[path[1].decode()] = b"".join(reader.read(i) if isinstance(i, bytes) else bytes(i) for i in items)
    return found
