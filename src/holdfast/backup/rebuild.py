"""Making the catalogue anew from packs and manifests: after its loss, and for a replica."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from holdfast.backup.ids import PackId, SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest, manifest_ids
from holdfast.backup.pack import pack_key, pack_of_key, read_footer
from holdfast.backup.parallel import each
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


def rebuild_catalogue(repository: Repository, *, workers: int = 1) -> RebuildReport:
    """Add every pack and snapshot that the objects hold and the catalogue lacks; what it has stays as it is.

    Reads the footers, not the data, `workers` at a time. A manifest counts as an acknowledged snapshot: whether it
    was cannot be told without the ledger, and keeping one too many loses nothing. `verify` names those not whole.
    """
    known = {row.pack for row in repository.index.packs()}
    stored = ((pack_of_key(one.key), one.size) for one in repository.objects.list(PREFIX))
    missing = ((pack, size) for pack, size in stored if pack is not None and pack not in known)
    packs = list(each(partial(_read_pack, repository), missing, workers))
    snapshots = list(each(partial(_read_snapshot, repository), manifest_ids(repository), workers))
    return RebuildReport(
        packs=sum(isinstance(chunks, int) for chunks in packs),
        chunks=sum(chunks for chunks in packs if isinstance(chunks, int)),
        snapshots=sum(problem is None for problem in snapshots),
        damaged=(
            *(problem for problem in packs if not isinstance(problem, int)),
            *(problem for problem in snapshots if problem is not None),
        ),
    )


Problem = tuple[str, str]


def _read_pack(repository: Repository, found: tuple[PackId, int]) -> int | Problem:
    """Add one pack and return its number of chunks, or what is wrong with it."""
    pack, size = found
    try:
        return _add_pack(repository, pack, size)
    except (IntegrityError, NotFound) as error:
        return pack_key(pack), str(error)


def _read_snapshot(repository: Repository, id_: SnapshotId) -> Problem | None:
    """Add one snapshot; return what is wrong with it, if anything."""
    try:
        manifest = load_manifest(repository, id_)
    except (IntegrityError, NotFound) as error:
        return f"snapshots/{id_}", str(error)
    repository.ledger.import_record(_record_of(repository, manifest))
    return None


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
