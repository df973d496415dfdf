"""What snapshots refer to: the mark that comes before any deletion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from holdfast.backup.ids import ChunkId, Place, SnapshotId
from holdfast.backup.manifest import load_manifest, manifest_ids
from holdfast.backup.parallel import each
from holdfast.backup.ports import Record, Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.remote import requests_at_once
from holdfast.backup.repository import Repository
from holdfast.backup.resume import roots_noted, worth_keeping
from holdfast.backup.spill import ChunksByPack, ChunkSet
from holdfast.backup.tree import held_by_node, references
from holdfast.errors import Conflict, IntegrityError, NotFound

LOOKUP_BATCH = 500
MANIFESTS_AT_ONCE = 256
T = TypeVar("T")
ENDED = frozenset({Status.FORGOTTEN, Status.FAILED, Status.ABANDONED})


@dataclass(slots=True)
class Mark:
    """The chunks that snapshots refer to, and what interrupted attempts noted; many of them lie in a temporary file."""

    chunks: ChunkSet = field(default_factory=ChunkSet)
    walked: set[SnapshotId] = field(default_factory=set)
    leftover: set[SnapshotId] = field(default_factory=set)
    """Manifests of ended sessions that nobody's parent is: they keep nothing alive."""
    held: ChunkSet = field(default_factory=ChunkSet)
    """What forgotten snapshots refer to that active sessions began from: kept as far as it is there."""
    noted: ChunkSet | None = None
    """What interrupted attempts noted, for the next ones: kept as far as it is there."""
    _seen: set[ChunkId] = field(default_factory=set)

    def extend(self, repository: Repository, *, workers: int = 1) -> list[Record]:
        """Walk every manifest object not walked before; return the sessions that were at work just before the walk.

        Which sessions have ended is read before who is at work: one that begins later sees that its parent has ended
        and goes on without it. The manifests are listed again after that, so that whoever is no longer at work is seen.

        Raises:
            IntegrityError: a manifest has no record, a record no manifest, or it cannot be read: delete nothing.
            Conflict: another prune is clearing one of them, or one that is forgotten and damaged is still held.
        """
        acknowledged = [record.id for record in repository.ledger.completed()]
        records = repository.ledger.get(self._unwalked(repository))
        active = repository.ledger.active()
        parents = {record.parent for record in active}
        self.leftover = {id_ for id_, record in records.items() if record.status in ENDED and id_ not in parents}
        roots = [id_ for id_ in self._unwalked(repository) if id_ not in self.leftover]
        self._require_manifests(repository, set(acknowledged).difference(self.walked, self.leftover, roots))
        self._require_records(repository, roots)
        held = [id_ for id_ in roots if id_ in records and records[id_].status in ENDED]  # by who began from them
        for batch in batches((id_ for id_ in roots if id_ not in held), MANIFESTS_AT_ONCE):
            self._walk(repository, batch, workers)
        for id_ in held:
            self._walk_held(repository, id_)
        if self.noted is None:
            self.noted = ChunkSet()
            self.noted.update(_noted(repository))
        return active

    def _all_stand(self, repository: Repository, ids: Collection[SnapshotId]) -> bool:
        """Say whether no prune may have cleared any of them: they have not ended, or are an active session's parent."""
        records = repository.ledger.get(ids)
        ended = {id_ for id_ in ids if id_ not in records or records[id_].status in ENDED}
        return not ended or ended <= {record.parent for record in repository.ledger.active()}

    def _require_records(self, repository: Repository, ids: Sequence[SnapshotId]) -> None:
        known = repository.ledger.get(ids)
        for id_ in ids:
            if id_ not in known:
                raise IntegrityError(
                    f"snapshot {id_} has no record, so the catalogue is not whole: run `holdfast repo rebuild` first"
                )

    def _require_manifests(self, repository: Repository, missing: Collection[SnapshotId]) -> None:
        """Refuse to mark where an acknowledged snapshot has lost its manifest: a replica may still have it."""
        if not missing:
            return
        if not self._all_stand(repository, missing):
            raise _cleared()
        raise IntegrityError(
            f"the manifest of snapshot {min(missing)} is missing: run `holdfast repair`, or forget the snapshot; "
            "no data was deleted"
        )

    def _walk(self, repository: Repository, ids: Sequence[SnapshotId], workers: int) -> None:
        try:
            manifests = each(partial(load_manifest, repository), ids, workers)
            roots = [root for manifest in manifests for root in manifest.roots]
            self.chunks.update(
                references(ChunkReader(repository), roots, self._seen, repeating=True, decode=held_by_node)
            )
        except (NotFound, IntegrityError) as error:
            if self._all_stand(repository, ids):
                raise
            # A half-walked manifest leaves nodes that count as seen: this mark is good for nothing any more.
            raise _cleared() from error
        self.walked.update(ids)

    def _walk_held(self, repository: Repository, id_: SnapshotId) -> None:
        """Walk a forgotten snapshot that a session at work began from: nobody's loss if something of it is lost."""
        try:
            roots = load_manifest(repository, id_).roots
            self.held.update(references(ChunkReader(repository), roots, set(), repeating=True, decode=held_by_node))
        except (NotFound, IntegrityError) as error:
            raise Conflict(
                f"snapshot {id_} is forgotten and damaged, and a backup at work began from it: prune again when that "
                "has ended; no data was deleted"
            ) from error
        self.walked.add(id_)

    def _unwalked(self, repository: Repository) -> list[SnapshotId]:
        return [id_ for id_ in manifest_ids(repository) if id_ not in self.walked]

    def places(self, repository: Repository) -> ChunksByPack:
        """Look every chunk up, now, and return those of each pack.

        Raises:
            IntegrityError: one has no place: the catalogue or the repository is damaged.
            Conflict: another prune is clearing a snapshot that was marked.
        """
        by_pack = ChunksByPack()
        for batch, places in _looked_up(repository, self.chunks):
            for chunk in batch:
                if chunk not in places:
                    if not self._all_stand(repository, self.walked):
                        raise _cleared()
                    raise IntegrityError(
                        f"chunk {chunk.hex()} is referred to but in no pack: run `holdfast verify`, "
                        "then `holdfast repair`; no data was deleted"
                    )
                by_pack.add(places[chunk].pack, places[chunk].ordinal, chunk)
        for _, places in _looked_up(repository, chain(self.held, self.noted or ())):
            for chunk, place in places.items():
                by_pack.add(place.pack, place.ordinal, chunk)
        return by_pack


def _looked_up(
    repository: Repository, chunks: Iterable[ChunkId]
) -> Iterator[tuple[list[ChunkId], dict[ChunkId, Place]]]:
    """Yield chunks with the places where they can be read, a batch at a time; several at once where that is far."""
    wanted, at_once = batches(chunks, LOOKUP_BATCH), requests_at_once(repository.index)
    return each(lambda batch: (batch, repository.index.readable(batch)), wanted, at_once)


def _noted(repository: Repository) -> Iterator[ChunkId]:
    """Return what interrupted attempts noted and can still be read."""
    ledger = repository.ledger
    records = worth_keeping(ledger, ledger.ended(), repository.clock.now())
    roots = [node for record in records for nodes in roots_noted(record) for node in nodes]
    reader = ChunkReader(repository)
    return references(reader, roots, set(), on_damage=lambda *_: None, repeating=True, decode=held_by_node)


def _cleared() -> Conflict:
    return Conflict("another prune cleared a snapshot while this one marked it; try again when that is done")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `items` in lists of `size`, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
