"""Making the catalogue anew from packs and manifests: after its loss, and for a replica."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.manifest import Manifest, load_manifest, manifest_ids
from holdfast.backup.pack import PREFIX, Footer, damaged_blocks, pack_key, pack_of_key, read_footer
from holdfast.backup.parallel import each
from holdfast.backup.ports import PackRow, PackState, Record, Status
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import figures_of
from holdfast.errors import Conflict, IntegrityError, NotFound

NOBODY = SnapshotId("0" * 32)
"""The session of a pack whose writer is not known any more; no session has this id."""


class RebuildReport(NamedTuple):
    """What the catalogue knows again, and the objects that could not be read, with the reason."""

    packs: int
    chunks: int
    snapshots: int
    damaged: tuple[tuple[str, str], ...]


def rebuild_catalogue(repository: Repository, *, workers: int = 1) -> RebuildReport:
    """Make the catalogue know every pack and snapshot that the objects hold; rows that tell the truth stay as they are.

    Reads the footers, not the data, `workers` at a time. Safe to repeat, also after it was killed. A manifest counts
    as an acknowledged snapshot: whether it was cannot be told without the ledger, and keeping one too many loses
    nothing. `verify` names those not whole. The report counts packs that were not known, or not rightly.
    """
    states = {row.pack: row.state for row in repository.index.packs()}
    found = ((pack_of_key(one.key), one.size) for one in repository.objects.list(PREFIX))
    whole = ((pack, size) for pack, size in found if pack and states.get(pack) is not PackState.DELETING)
    packs = list(each(partial(_read_pack, repository, states), whole, workers))
    snapshots = list(each(partial(import_snapshot, repository), manifest_ids(repository), workers))
    mended = [chunks for chunks in packs if isinstance(chunks, int) and chunks]
    return RebuildReport(
        packs=len(mended),
        chunks=sum(mended),
        snapshots=sum(problem is None for problem in snapshots),
        damaged=(
            *(problem for problem in packs if not isinstance(problem, int)),
            *(problem for problem in snapshots if problem is not None),
        ),
    )


Problem = tuple[str, str]


def _read_pack(repository: Repository, states: Mapping[PackId, PackState], found: tuple[PackId, int]) -> int | Problem:
    """Make one pack known; return its number of chunks, 0 if it was, or what is wrong with it."""
    pack, size = found
    try:
        footer = read_footer(repository.objects, repository.keyring, pack)
    except (IntegrityError, NotFound) as error:
        return pack_key(pack), str(error)
    if pack not in states:
        repository.index.announce(PackRow(pack, footer.kind, size, NOBODY, chunk_count=len(footer.chunks)))
        if repository.objects.size(pack_key(pack)) is None:
            return 0  # a prune that knew it for nobody's deleted it before there was a row to condemn
    elif states[pack] is not PackState.PENDING and _is_known(repository, pack, footer):
        return 0
    if states.get(pack) is PackState.CONDEMNED:
        if not _is_whole(repository, pack):
            return 0  # a repair emptied it: what was lost with it has no place, so that it is stored again when met
        repository.index.revive(pack)
    try:
        repository.index.publish(pack, footer.chunks)
    except Conflict:
        return 0  # a prune is about to delete it
    return len(footer.chunks)


def _is_whole(repository: Repository, pack: PackId) -> bool:
    """Say whether every block opens: a compaction may have brought a damaged one into a pack of the right name."""
    with suppress(NotFound, IntegrityError):
        return not damaged_blocks(repository.keyring, pack, repository.objects.get(pack_key(pack)))[1]
    return False


def _is_known(repository: Repository, pack: PackId, footer: Footer) -> bool:
    """Say whether every chunk of the pack has a place; take the place of those that are not where it says."""
    places = repository.index.readable(footer.chunks)
    ordinals = {chunk: ordinal for ordinal, chunk in enumerate(footer.chunks)}
    known = len(places) == len(ordinals)
    for chunk, place in places.items():
        if place != Place(pack, ordinals[chunk]) and not _is_true(repository, chunk, place):
            repository.index.unpoint(place.pack, [chunk])
            known = False
    return known


def _is_true(repository: Repository, chunk: ChunkId, place: Place) -> bool:
    try:
        chunks = read_footer(repository.objects, repository.keyring, place.pack).chunks
    except (IntegrityError, NotFound):
        return False
    return place.ordinal < len(chunks) and chunks[place.ordinal] == chunk


def import_snapshot(repository: Repository, id_: SnapshotId) -> Problem | None:
    """Write the record of a manifest that has none; return what is wrong with it, if anything."""
    try:
        manifest = load_manifest(repository, id_)
    except (IntegrityError, NotFound) as error:
        return f"snapshots/{id_}", str(error)
    repository.ledger.import_record(_record_of(repository, manifest))
    return None


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
