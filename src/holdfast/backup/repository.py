"""A repository: created once, opened by whoever holds a key."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_slots import PREFIX as SLOT_PREFIX
from holdfast.backup.key_slots import list_slots, put_slot, unwrap_master
from holdfast.backup.ports import ChunkIndex, Clock, KeyProvider, Ledger, ObjectStore
from holdfast.backup.sealing import KEY_BYTES, MASTER_GENERATION, Keyring, Opener, Ring, Sealer
from holdfast.backup.wire import Fields, pack, unpack
from holdfast.errors import Conflict, IntegrityError, InvalidRequest, NotFound

FORMAT = 1
CONFIG = "config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An open repository: its ports, its keys, its limits."""

    id: RepositoryId
    objects: ObjectStore
    index: ChunkIndex
    ledger: Ledger
    keyring: Keyring
    limits: ChunkLimits
    clock: Clock


def create_repository(
    objects: ObjectStore, providers: Sequence[KeyProvider], *, clock: Clock, limits: ChunkLimits | None = None
) -> RepositoryId:
    """Create a repository with one key slot a provider; of two creators at once, one wins and the other is refused.

    Raises:
        Conflict: there is a repository already.
    """
    if objects.size(CONFIG) is not None:
        raise Conflict("there is a repository here already: use it, or choose another place")
    if not providers:
        raise InvalidRequest("a repository needs a key: give a password or a KMS key")
    repository = RepositoryId(secrets.token_hex(16))
    master = os.urandom(KEY_BYTES)
    for provider in providers:
        put_slot(objects, provider, master, repository)
    ring = _seal_ring(Ring.new(), limits or ChunkLimits(), master, repository, number=1)
    config = {
        "holdfast": "repository",
        "format": FORMAT,
        "id": repository,
        "created": clock.now().isoformat(),
        "ring": base64.b64encode(ring).decode(),
    }
    data = json.dumps(config, indent=1).encode()
    # A put whose answer was lost and that was tried again finds its own bytes.
    if not objects.put(CONFIG, data) and objects.get(CONFIG) != data:
        raise Conflict("someone else created a repository here just now: use that one")
    return repository


def open_repository(
    objects: ObjectStore, index: ChunkIndex, ledger: Ledger, providers: Sequence[KeyProvider], *, clock: Clock
) -> Repository:
    """Open with the first provider that a slot accepts.

    Raises:
        NotFound: there is no repository.
        WrongKey: no provider opens it.
        InvalidRequest: its format is newer than this Holdfast.
    """
    config = read_config(objects)
    repository = RepositoryId(config["id"])
    master, number = _master(objects, repository, providers)
    sealed = base64.b64decode(config["ring"]) if number == 1 else objects.get(f"keys/ring-{number}")
    ring, limits = _open_ring(sealed, master, repository, number)
    return Repository(
        id=repository,
        objects=objects,
        index=index,
        ledger=ledger,
        keyring=Keyring(ring),
        limits=limits,
        clock=clock,
    )


def read_config(objects: ObjectStore) -> dict[str, Any]:
    """Return the repository's public configuration.

    Raises:
        NotFound: there is none.
        InvalidRequest: its format is newer than this Holdfast.
    """
    try:
        data = objects.get(CONFIG)
    except NotFound:
        raise NotFound("no repository here: `holdfast repo create` makes one") from None
    try:
        config = json.loads(data)
        known = config["holdfast"] == "repository"
        number = int(config["format"])
        base64.b64decode(config["ring"] if number <= FORMAT else "", validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("the repository's config is damaged: bring it back from a replica") from error
    if not known:
        raise IntegrityError("the config here is not a Holdfast repository's")
    if number > FORMAT:
        raise InvalidRequest(f"repository format {number} is newer than this Holdfast ({FORMAT}): use a newer one")
    return dict(config)


def add_key(objects: ObjectStore, holders: Sequence[KeyProvider], new: KeyProvider) -> str:
    """Add a slot for `new`, opened by one of `holders`; return its name."""
    repository = RepositoryId(read_config(objects)["id"])
    master, number = _master(objects, repository, holders)
    return put_slot(objects, new, master, repository, ring=number)


def list_keys(objects: ObjectStore) -> list[dict[str, Any]]:
    """Return the slots, without what they wrap."""
    repository = RepositoryId(read_config(objects)["id"])
    hidden = {"wrapped", "salt", "repository"}
    return [{k: v for k, v in slot.items() if k not in hidden} for slot in list_slots(objects, repository)]


def remove_key(objects: ObjectStore, slot: str) -> None:
    """Remove a slot; the last one stays.

    Raises:
        NotFound: no such slot.
        Conflict: it is the last.
    """
    slots = [str(one["slot"]) for one in list_keys(objects)]
    if slot not in slots:
        raise NotFound(f"no key slot {slot}; there are: {', '.join(slots)}")
    if len(slots) == 1:
        raise Conflict(f"key slot {slot} is the last: add another before removing it")
    objects.delete(SLOT_PREFIX + slot)


def _master(objects: ObjectStore, repository: RepositoryId, providers: Sequence[KeyProvider]) -> tuple[bytes, int]:
    return unwrap_master(list(list_slots(objects, repository)), providers, repository)


def _context(repository: RepositoryId, number: int) -> bytes:
    return f"{repository}/{number}".encode()


def _seal_ring(ring: Ring, limits: ChunkLimits, master: bytes, repository: RepositoryId, *, number: int) -> bytes:
    body = pack(
        {
            "id": ring.id_key,
            "chunker": ring.chunker,
            "generations": [[number_, key] for number_, key in sorted(ring.generations.items())],
            "limits": {"least": limits.least, "average": limits.average, "most": limits.most},
        }
    )
    return Sealer(MASTER_GENERATION, master).seal("ring", _context(repository, number), body)


def _open_ring(sealed: bytes, master: bytes, repository: RepositoryId, number: int) -> tuple[Ring, ChunkLimits]:
    body = Opener({MASTER_GENERATION: master}).open("ring", _context(repository, number), sealed)
    fields = Fields(unpack(body, "the key ring"), "the key ring")
    generations: Mapping[int, bytes] = {int(number_): key for number_, key in fields.list_of("generations", list)}
    limits = Fields(fields.get("limits", dict), "the key ring")
    return (
        Ring(fields.get("id", bytes), fields.get("chunker", bytes), generations),
        ChunkLimits(limits.integer("least"), limits.integer("average"), limits.integer("most")),
    )
