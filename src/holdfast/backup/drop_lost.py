"""Making snapshots honest that lack something for good: a copy without it that says so, in the original's place."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from holdfast.backup.entry import Entry, EntryKind, Item, Path
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import MAX_SKIPPED, Manifest, SourceRoot, load_manifest, put_manifest
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.ports import PackKind, Record, Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import NOBODY
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import figures_of
from holdfast.backup.sources import Skipped, path_of
from holdfast.backup.tree import content_of, decode_list, decode_node
from holdfast.backup.tree_builders import NodeBuilder
from holdfast.backup.verify import VerifyReport
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import IntegrityError, NotFound

LEASE = timedelta(minutes=15)
LOST = "lost: its data is damaged beyond repair"
PART_LOST = "some of this folder is lost: its list is damaged beyond repair"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A snapshot that was replaced by `copy`, which lacks `paths` (the first 1,000), or given up (`copy` is None)."""

    snapshot: SnapshotId
    copy: SnapshotId | None
    paths: tuple[bytes, ...] = ()


def drop_lost(repository: Repository, report: VerifyReport) -> list[Dropped]:
    """Replace each snapshot that lacks something by a copy without it; one without a manifest is given up.

    The copy has the original's time, user, host, sources and tags, counts as incomplete, and names what it lacks. Only
    after it is acknowledged is the original forgotten. The caller holds the lock of prune.
    """
    lost = {chunk for damage in report.damage for chunk in damage.chunks}
    affected = sorted({id_ for damage in report.damage for id_ in damage.snapshots})
    return [_drop(repository, id_, lost) for id_ in affected]


def _drop(repository: Repository, id_: SnapshotId, lost: Collection[ChunkId]) -> Dropped:
    try:
        manifest = load_manifest(repository, id_)
    except (IntegrityError, NotFound):
        _give_up(repository, id_)
        return Dropped(id_, None)
    rest = _Rest(repository, lost)
    sources = tuple(SourceRoot(source.path, rest.of_source(source)) for source in manifest.sources)
    rest.writer.flush()
    copy = manifest._replace(
        id=SnapshotId(os.urandom(16).hex()),
        sources=sources,
        parent=None,
        packs_added=tuple(rest.writer.packs_added),
        counts={
            **manifest.counts,
            "files": rest.files,
            "size": rest.size,
            "skipped": manifest.counts.get("skipped", 0) + rest.lost_count,
        },
        skipped=(*manifest.skipped, *rest.skipped)[:MAX_SKIPPED],
    )
    _commit(repository, copy)
    repository.ledger.forget([id_])
    return Dropped(id_, copy.id, tuple(skipped.path for skipped in rest.skipped))


def _give_up(repository: Repository, id_: SnapshotId) -> None:
    """Forget a snapshot whose manifest is lost; one that has no record either would keep prune from its work."""
    if id_ in repository.ledger.get([id_]):
        repository.ledger.forget([id_])
    else:
        repository.objects.delete(MANIFESTS + id_)


def _commit(repository: Repository, manifest: Manifest) -> None:
    now = repository.clock.now()
    record = Record(
        id=manifest.id,
        user=manifest.user,
        host=manifest.host,
        start=manifest.time,
        lease_until=now + LEASE,
        epoch=repository.ledger.epoch(),
    )
    repository.ledger.begin(record)
    put_manifest(repository, manifest)
    figures = figures_of(manifest, repository.keyring)
    repository.ledger.finish(manifest.id, Status.COMPLETED, manifest.finished, figures)


@dataclass(slots=True)
class _Open:
    """A folder being copied: its entry (none above a source's root), what is still to come, what was kept."""

    entry: Entry | None
    path: Path
    entries: Iterator[Entry]
    builder: NodeBuilder
    is_whole: bool = True

    def copied(self) -> Entry:
        """Return its entry; with something lost, the next backup must not take the folder for unchanged."""
        assert self.entry is not None  # only the lowest, which is never copied as an entry, has none
        nodes, levels = self.builder.finish()
        fingerprint = self.entry.fingerprint if self.is_whole else b""
        return self.entry._replace(nodes=nodes, levels=levels, fingerprint=fingerprint)


@dataclass(slots=True)
class _Rest:
    """Copies trees without what is lost."""

    repository: Repository
    lost: Collection[ChunkId]
    files: int = 0
    size: int = 0
    lost_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    reader: ChunkReader = field(init=False)
    writer: ChunkWriter = field(init=False)
    _root: bytes = b""

    def __post_init__(self) -> None:
        self.reader = ChunkReader(self.repository)
        self.writer = ChunkWriter(self.repository, NOBODY)

    def of_source(self, source: SourceRoot) -> tuple[ChunkId, ...]:
        """Return the nodes of a copy of the source's tree."""
        self._root = source.path
        stack = [self._open(None, (), source.root, 0)]
        while True:
            folder = stack[-1]
            entry = next(folder.entries, None)
            if entry is None:
                stack.pop()
                if not stack:
                    return folder.builder.finish()[0]
                stack[-1].builder.add(folder.copied())
                continue
            path = (*folder.path, entry.name) if folder.entry else ()  # above a root stands nothing but the root
            if entry.kind is EntryKind.DIRECTORY:
                stack.append(self._open(entry, path, entry.nodes, entry.levels))
            elif self._is_whole(entry):
                folder.builder.add(entry)
                self.files += entry.kind is EntryKind.FILE
                self.size += entry.size
            else:
                self._skip(folder, path, LOST)

    def _open(self, entry: Entry | None, path: Path, nodes: tuple[ChunkId, ...], levels: int) -> _Open:
        builder = NodeBuilder(lambda data: self.writer.add(PackKind.TREE, data), self.repository.keyring.chunk_id)
        folder = _Open(entry, path, iter(()), builder)
        folder.entries = self._entries(folder, nodes, levels)
        return folder

    def _entries(self, folder: _Open, nodes: Collection[Item], levels: int) -> Iterator[Entry]:
        """Yield what can be read of a folder, in order."""
        for node in nodes:
            if isinstance(node, int):
                continue
            try:
                data = self.reader.read(node)
                below = decode_list(data, levels - 1) if levels else ()
                entries = [] if levels else decode_node(data)
            except IntegrityError:
                self._skip(folder, folder.path, PART_LOST)
                continue
            yield from self._entries(folder, below, levels - 1) if levels else entries

    def _is_whole(self, entry: Entry) -> bool:
        with suppress(IntegrityError):
            return all(isinstance(item, int) or item not in self.lost for item in content_of(self.reader, entry))
        return False

    def _skip(self, folder: _Open, path: Path, reason: str) -> None:
        folder.is_whole = False
        self.lost_count += 1
        self.skipped.append(Skipped(path_of(self._root, path), reason))
