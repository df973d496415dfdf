"""A repository: created once, opened by whoever holds a key."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_ring import (
    FIRST,
    SealedRing,
    newest_of,
    newest_ring_number,
    open_ring,
    read_ring,
    seal_ring,
)
from holdfast.backup.key_sizes import KEY_BYTES
from holdfast.backup.key_slots import put_slot, read_slots, unwrap_master
from holdfast.backup.parallel import beside
from holdfast.backup.ports import ChunkIndex, Clock, KeyProvider, Ledger, ObjectStore
from holdfast.backup.remote import is_remote
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.slot import FOLDER
from holdfast.backup.wire import pack_json, unpack_json
from holdfast.errors import Conflict, IntegrityError, InvalidRequest, NotFound, WrongKey

FORMAT = 1
CONFIG = "config"
DAMAGED = "the repository's config is damaged: bring it back with `holdfast repair --replica COPY --apply`"


class Repository(NamedTuple):
    """An open repository: its ports, its keys, its limits, and the number of the ring that it was opened with."""

    id: RepositoryId
    objects: ObjectStore
    index: ChunkIndex  # type: ignore[assignment]  # in place of a tuple's, which nobody asks for
    ledger: Ledger
    keyring: Keyring
    limits: ChunkLimits
    clock: Clock
    ring: int = FIRST


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
    repository = RepositoryId(os.urandom(16).hex())
    master = os.urandom(KEY_BYTES)
    ring = seal_ring(Ring.new(), (limits or ChunkLimits()).checked(), master, repository, number=FIRST)
    for provider in providers:
        put_slot(objects, provider, master, repository, ring)
    config = {
        "holdfast": "repository",
        "format": FORMAT,
        "id": repository,
        "created": clock.now().isoformat(),
        "ring": base64.b64encode(ring.data).decode(),
    }
    data = pack_json(config)
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
    if is_remote(objects):
        config, listed = beside(lambda: read_config(objects), lambda: _keys_listed(objects))
    else:
        config, listed = read_config(objects), _keys_listed(objects)
    repository = RepositoryId(config["id"])
    sealed, ring, limits = _opened_ring(objects, config, listed, providers)
    return Repository(
        id=repository,
        objects=objects,
        index=index,
        ledger=ledger,
        keyring=Keyring(ring),
        limits=limits,
        clock=clock,
        ring=sealed.number,
    )


def _opened_ring(
    objects: ObjectStore, config: dict[str, Any], listed: Sequence[str], providers: Sequence[KeyProvider]
) -> tuple[SealedRing, Ring, ChunkLimits]:
    """Open the newest ring listed; where a rotation took it away meanwhile, the one that came after."""
    repository = RepositoryId(config["id"])
    while True:
        number = newest_of(listed)
        try:
            sealed = read_ring(objects, config, number)
            master = unwrap_master(list(read_slots(objects, repository, listed)), providers, repository, sealed)
            return sealed, *open_ring(sealed, master, repository)
        except (WrongKey, NotFound, IntegrityError):
            listed = _keys_listed(objects)
            if newest_of(listed) <= number:
                raise


def _keys_listed(objects: ObjectStore) -> list[str]:
    return [stored.key for stored in objects.list(FOLDER)]


def require_current_keys(repository: Repository) -> None:
    """Refuse to judge what may be sealed under a key that came after this repository was opened.

    Raises:
        Conflict: the keys were rotated meanwhile.
    """
    if newest_ring_number(repository.objects) > repository.ring:
        raise Conflict("the keys were rotated while this ran; run it again")


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
    config = parse_config(data)
    if config is None:
        raise IntegrityError(DAMAGED)
    if config["holdfast"] != "repository":
        raise IntegrityError("the config here is not a Holdfast repository's")
    if config["format"] > FORMAT:
        raise InvalidRequest(
            f"repository format {config['format']} is newer than this Holdfast ({FORMAT}): use a newer one"
        )
    return config


def parse_config(data: bytes) -> dict[str, Any] | None:
    """Return the configuration that an object holds, of whatever format; None if it is damaged."""
    config = unpack_json(data)
    if config is None or type(config.get("format")) is not int or not {"holdfast", "id"} <= config.keys():
        return None
    return config if config["format"] > FORMAT or _is_base64(config.get("ring")) else None


def _is_base64(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False
