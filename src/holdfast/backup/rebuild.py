"""Making the catalogue anew from packs and manifests: after its loss, and for a replica."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.backup.ids import PackId, SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest, manifest_ids
from holdfast.backup.pack import read_footer
from holdfast.backup.ports import PackRow, Record, Status
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import figures_of
from holdfast.errors import IntegrityError, NotFound

PREFIX = "packs/"
NOBODY = SnapshotId("0" * 32)
"""The session of a pack whose writer is not known any more; no session has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What the catalogue knows again, and the objects that could not be read, with the reason."""

    packs: int
    chunks: int
    snapshots: int
    damaged: tuple[tuple[str, str], ...]


def rebuild_catalogue(repository: Repository) -> RebuildReport:
    """Add every pack and snapshot that the objects hold and the catalogue lacks; what it has stays as it is.

    Reads the footers, not the data. Memory of one footer. A manifest counts as an acknowledged snapshot: whether it
    was cannot be told without the ledger, and keeping one too many loses nothing. `verify` names those not whole.
    """
    damaged: list[tuple[str, str]] = []
    packs = chunks = snapshots = 0
    known = {row.pack for row in repository.index.packs()}
    for stored in repository.objects.list(PREFIX):
        pack = PackId(stored.key.rsplit("/", 1)[-1])
        if pack in known:
            continue
        try:
            chunks += _add_pack(repository, pack, stored.size)
        except (IntegrityError, NotFound) as error:
            damaged.append((stored.key, str(error)))
            continue
        packs += 1
    for id_ in manifest_ids(repository):
        try:
            manifest = load_manifest(repository, id_)
        except (IntegrityError, NotFound) as error:
            damaged.append((f"snapshots/{id_}", str(error)))
            continue
        repository.ledger.import_record(_record_of(repository, manifest))
        snapshots += 1
    return RebuildReport(packs=packs, chunks=chunks, snapshots=snapshots, damaged=tuple(damaged))


def _add_pack(repository: Repository, pack: PackId, size: int) -> int:
    footer = read_footer(repository.objects, repository.keyring, pack)
    repository.index.announce(PackRow(pack=pack, kind=footer.kind, size=size, session=NOBODY))
    repository.index.publish(pack, footer.chunks)
    return len(footer.chunks)


def _record_of(repository: Repository, manifest: Manifest) -> Record:
    return Record(
        id=manifest.id,
        user=manifest.user,
        host=manifest.host,
        start=manifest.time,
        lease_until=manifest.finished,
        epoch=1,
        parent=manifest.parent,
        status=Status.COMPLETED,
        finished=manifest.finished,
        figures=figures_of(manifest, repository.keyring),
    )
