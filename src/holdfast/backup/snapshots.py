"""Finding snapshots: by prefix, as `latest`, as the parent of the next one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest, open_manifest, sealed_manifest
from holdfast.backup.outset import Outset
from holdfast.backup.ports import Record, Status
from holdfast.backup.repository import Repository
from holdfast.backup.sealing import Keyring
from holdfast.errors import HoldfastError, IntegrityError, InvalidRequest, NotFound

LATEST = "latest"
TOKEN_BYTES = 8


OnDamage = Callable[[SnapshotId, HoldfastError], None]
"""Is told of an acknowledged snapshot that cannot be read, or not all of it."""


class Snapshot(NamedTuple):
    """An acknowledged snapshot: the ledger's record and the manifest."""

    record: Record
    manifest: Manifest


def list_snapshots(
    repository: Repository,
    *,
    on_damage: OnDamage,
    user: str | None = None,
    host: str | None = None,
    tag: str | None = None,
) -> Iterator[Snapshot]:
    """Yield the acknowledged snapshots that can be read, newest first, of one user, host and tag where given."""
    for record in repository.ledger.completed(user):
        if host is not None and record.host != host:
            continue
        manifest = readable_manifest(repository, record.id, on_damage)
        if manifest and (tag is None or tag in manifest.tags):
            yield Snapshot(record, manifest)


def readable_manifest(repository: Repository, id_: SnapshotId, on_damage: OnDamage) -> Manifest | None:
    """Return the manifest of an acknowledged snapshot; None if it is damaged, lost, or forgotten meanwhile."""
    try:
        return load_manifest(repository, id_)
    except (NotFound, IntegrityError) as error:
        unless_forgotten(repository, on_damage)(id_, error)
    return None


def unless_forgotten(repository: Repository, on_damage: OnDamage) -> OnDamage:
    """Return what passes on damage of snapshots that are acknowledged still: a prune takes from the others."""

    def told(id_: SnapshotId, error: HoldfastError) -> None:
        record = repository.ledger.get([id_]).get(id_)
        if record is not None and record.status is Status.COMPLETED:
            on_damage(id_, error)

    return told


def resolve(repository: Repository, text: str, records: Sequence[Record] | None = None) -> SnapshotId:
    """Return the acknowledged snapshot that `text` names: an id, the start of exactly one, or `latest`.

    `records` are those of the ledger, newest first, where they were read before.

    Raises:
        NotFound: none is meant.
        InvalidRequest: not an id, or the start of several.
    """
    records = repository.ledger.completed() if records is None else records
    if text == LATEST:
        if not records:
            raise NotFound("the repository holds no snapshot; make one with `holdfast backup`")
        return records[0].id
    if not re.fullmatch("[0-9a-f]{1,32}", text):
        raise InvalidRequest(f"snapshot must be 'latest' or 1 to 32 hex digits of an id, got {text!r}")
    found = [record.id for record in records if record.id.startswith(text)]
    if not found:
        raise NotFound(f"no snapshot {text!r}; `holdfast snapshots` lists them")
    if len(found) > 1:
        raise InvalidRequest(f"snapshot {text!r} may be any of {len(found)}; give more digits")
    return found[0]


def find_parent(
    repository: Repository, user: str, host: str, paths: Sequence[bytes], outset: Outset | None = None
) -> Manifest | None:
    """Return the newest acknowledged snapshot of the same user, host and paths; None where there is none to read.

    What `outset` holds is not read again.
    """
    token = sources_token(repository.keyring, paths)
    for record in outset.completed if outset else repository.ledger.completed_by(user, host):
        if record.figures.get("sources", token) != token:
            continue
        try:
            sealed = outset.sealed(record.id) if outset else None
            manifest = open_manifest(repository, record.id, sealed or sealed_manifest(repository.objects, record.id))
        except (IntegrityError, NotFound):
            continue  # a damaged parent only costs speed; `verify` tells of it
        if tuple(source.path for source in manifest.sources) == tuple(paths):
            return manifest
    return None


def figures_of(manifest: Manifest, keyring: Keyring) -> dict[str, int | float | str]:
    """Return what the ledger keeps of a manifest: the same whether written at commit or rebuilt from the manifest."""
    paths = [source.path for source in manifest.sources]
    return {
        **manifest.counts,
        "seconds": (manifest.finished - manifest.time).total_seconds(),
        "sources": sources_token(keyring, paths),
    }


def sources_token(keyring: Keyring, paths: Sequence[bytes]) -> str:
    """Return a short name of a set of paths that tells nothing about them without the repository's key."""
    return keyring.chunk_id(b"\0".join(paths))[:TOKEN_BYTES].hex()
