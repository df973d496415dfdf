"""Whatever happens to any byte of any stored object is found, named, and never restored as if it were good."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.tree import content_of, references, walk
from holdfast.backup.verify import verify
from holdfast.errors import HoldfastError
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository

Damage = Callable[[bytes], bytes]


@cache
def whole() -> tuple[Repository, SnapshotId, dict[str, bytes]]:
    """A repository of large and small, compressible and noisy files, never changed."""
    contents = {
        "noise": Random(1).randbytes(120_000),
        "text": b"a line that repeats itself\n" * 3000,
        **{f"small {n}": b"%d" % n * (n + 1) for n in range(40)},
    }
    repository = any_repository()
    return repository, snapshot(repository, contents), contents


def damaged(key: str, data: bytes | None) -> Repository:
    repository, _, _ = whole()
    assert isinstance(repository.objects, MemoryObjects)
    objects = MemoryObjects()
    objects.objects = {**repository.objects.objects}
    if data is None:
        del objects.objects[key]
    else:
        objects.objects[key] = data
    return repository._replace(objects=objects)


def stored() -> dict[str, bytes]:
    repository, _, _ = whole()
    assert isinstance(repository.objects, MemoryObjects)
    return repository.objects.objects


def assert_nothing_false_is_given_back(repository: Repository) -> None:
    """Every file that can be read at all is what was backed up."""
    _, id_, contents = whole()
    try:
        manifest = load_manifest(repository, id_)
        entries = list(walk(ChunkReader(repository), manifest.roots))
    except HoldfastError:
        return
    for path, entry in entries[1:]:
        reader = ChunkReader(repository)
        try:
            data = b"".join(reader.read(item) for item in content_of(reader, entry) if not isinstance(item, int))
        except HoldfastError:
            continue
        assert data == contents[path[-1].decode()]


def key_of(number: int) -> str:
    """Return one of the three objects: a pack of data, a pack of trees, the manifest. Their names are random."""
    return sorted(stored())[number]


keys = st.integers(0, 2).map(key_of)


@given(key=keys, where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_found_and_named(key: str, where: float, bit: int) -> None:
    data = bytearray(stored()[key])
    data[int(where * len(data))] ^= 1 << bit
    repository = damaged(key, bytes(data))
    report = verify(repository, read_data=True)
    _, id_, _ = whole()
    assert key in {damage.object for damage in report.damage}
    assert all(damage.snapshots in ([id_], []) for damage in report.damage)
    assert_nothing_false_is_given_back(repository)


@given(key=keys, where=st.floats(0, 1, exclude_max=True))
def test_a_truncation_anywhere_is_found_and_named_without_reading_data(key: str, where: float) -> None:
    repository = damaged(key, stored()[key][: int(where * len(stored()[key]))])
    assert key in {damage.object for damage in verify(repository).damage}
    assert_nothing_false_is_given_back(repository)


@given(key=keys, where=st.floats(0, 1), extra=st.binary(min_size=1, max_size=20))
def test_bytes_put_in_anywhere_are_found_and_named(key: str, where: float, extra: bytes) -> None:
    data = stored()[key]
    at = int(where * len(data))
    repository = damaged(key, data[:at] + extra + data[at:])
    assert key in {damage.object for damage in verify(repository, read_data=True).damage}
    assert_nothing_false_is_given_back(repository)


@given(key=keys, other=keys)
def test_an_object_in_anothers_place_is_found_and_named(key: str, other: str) -> None:
    repository = damaged(key, stored()[other])
    assert (key in {damage.object for damage in verify(repository, read_data=True).damage}) is (key != other)
    assert_nothing_false_is_given_back(repository)


@pytest.mark.parametrize("number", range(3))
def test_a_missing_object_is_found_and_named_without_reading_data(number: int) -> None:
    key = key_of(number)
    repository = damaged(key, None)
    assert key in {damage.object for damage in verify(repository).damage}
    assert_nothing_false_is_given_back(repository)


def test_every_stored_byte_is_read() -> None:
    """What is not packs is manifests: nothing else is stored by a backup."""
    repository, id_, _ = whole()
    assert len(stored()) == 3
    assert set(stored()) == {key for key in stored() if key.startswith("packs/")} | {f"snapshots/{id_}"}
    read = verify(repository, read_data=True).bytes_read
    assert read == sum(len(data) for key, data in stored().items() if key.startswith("packs/"))
    assert len(list(references(ChunkReader(repository), load_manifest(repository, id_).roots, set()))) > 42
