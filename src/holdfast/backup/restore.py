"""Writing a snapshot back: exactly, file by file, as much of it as can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import NamedTuple

from holdfast.backup.entry import Entry, EntryKind, Item, Path
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.locate import Located, locate, names_of, roots
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.targets import Content, Target
from holdfast.backup.tree import content_of, entries_of
from holdfast.errors import IntegrityError, StoreDenied

BATCH_BYTES = 16 * 1024 * 1024
BATCH_STEPS = 4096
BATCH_ITEMS = 65_536
SMALL_FILE_BYTES = 4 * 1024 * 1024
WINDOW = 64
"""Chunks of a large file fetched at a time: 8 MiB on average, 32 MiB at most."""
MAX_FAILED = 1000


@dataclass(frozen=True, slots=True)
class Failed:
    """Something that was not restored, and why."""

    path: bytes
    reason: str


class Progress(NamedTuple):
    """How far a restore is: regular files and bytes written, the path at hand."""

    files: int
    bytes_written: int
    path: bytes


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class RestoreSummary:
    """What a restore did; `failed` names the first 1,000 of `failed_count`."""

    snapshot: SnapshotId
    files: int = 0
    folders: int = 0
    others: int = 0
    bytes_written: int = 0
    seconds: float = 0.0
    failed_count: int = 0
    failed: list[Failed] = field(default_factory=list)
    warnings: Sequence[str] = ()

    def fail(self, path: Path, reason: str) -> None:
        """Note one thing that was not restored."""
        self.failed_count += 1
        if len(self.failed) < MAX_FAILED:
            self.failed.append(Failed(b"/".join(path) or b".", reason))


class _Do(Enum):
    ENTER = 1
    LEAVE = 2
    MAKE = 3
    DAMAGED = 4


class _Step(NamedTuple):
    do: _Do
    path: Path
    entry: Entry | None = None  # none for a folder above a source, which the snapshot does not hold
    problem: str = ""


def restore(
    repository: Repository,
    snapshot: SnapshotId,
    target: Target,
    *,
    path: bytes | None = None,
    progress: OnProgress | None = None,
    reader: ChunkReader | None = None,
) -> RestoreSummary:
    """Write the snapshot, or what is at `path` in it, to the target; every byte written was verified.

    A folder's content goes directly into the target, a file under its own name; several sources go below their full
    paths. A file that cannot be read or written is in `failed`, and the rest is restored. Whoever restores many
    snapshots one after the other gives a `reader` of his own, which still holds what they share.

    Raises:
        NotFound: no such snapshot or path.
        StoreUnavailable: the target is full or failed; what stands under its final name is whole.
    """
    reader = reader or ChunkReader(repository)
    manifest = load_manifest(repository, snapshot)
    start = repository.clock.now()
    tops = roots(reader, manifest) if path is None else [locate(reader, manifest, path)]
    single = tops[0].entry if len(tops) == 1 and tops[0].entry.kind is EntryKind.DIRECTORY else None
    job = _Restore(reader, target, RestoreSummary(snapshot), progress)
    try:
        target.begin(single)
        job.run(_steps(reader, (), single) if single else _each(reader, tops))
        target.finish()
    finally:
        target.close()
    job.summary.warnings = target.warnings
    job.summary.seconds = (repository.clock.now() - start).total_seconds()
    return job.summary


def _each(reader: ChunkReader, tops: Sequence[Located]) -> Iterator[_Step]:
    """Yield the steps for files, or for several sources, each below its full path."""
    for top in tops:
        above = () if len(tops) == 1 else names_of(top.path)[:-1]
        folders = [_Step(_Do.ENTER, above[: depth + 1]) for depth in range(len(above))]
        yield from folders
        yield from _step(reader, (*above, top.entry.name), top.entry)
        yield from (step._replace(do=_Do.LEAVE) for step in reversed(folders))


def _step(reader: ChunkReader, path: Path, entry: Entry) -> Iterator[_Step]:
    if entry.kind is not EntryKind.DIRECTORY:
        yield _Step(_Do.MAKE, path, entry)
        return
    yield _Step(_Do.ENTER, path, entry)
    yield from _steps(reader, path, entry)
    yield _Step(_Do.LEAVE, path, entry)


def _steps(reader: ChunkReader, path: Path, folder: Entry) -> Iterator[_Step]:
    """Yield the steps for what is in a folder; a node that cannot be read ends that folder, not the restore."""
    stack = [(path, folder, entries_of(reader, folder.nodes, folder.levels))]
    while stack:
        above, parent, entries = stack[-1]
        try:
            entry = next(entries, None)
        except IntegrityError as error:
            yield _Step(_Do.DAMAGED, above, parent, str(error))
            entry = None
        if entry is None:
            stack.pop()
            if stack:
                yield _Step(_Do.LEAVE, above, parent)
            continue
        below = (*above, entry.name)
        if entry.kind is EntryKind.DIRECTORY:
            yield _Step(_Do.ENTER, below, entry)
            stack.append((below, entry, entries_of(reader, entry.nodes, entry.levels)))
        else:
            yield _Step(_Do.MAKE, below, entry)


class _Restore:
    """Carries steps out in order, fetching the content of many small files at once."""

    def __init__(
        self, reader: ChunkReader, target: Target, summary: RestoreSummary, progress: OnProgress | None
    ) -> None:
        self._reader = reader
        self._target = target
        self._progress = progress
        self._blocked: Path | None = None
        self._links: dict[bytes, tuple[Path, int]] = {}
        self.summary = summary

    def run(self, steps: Iterator[_Step]) -> None:
        for batch in _batches(steps):
            data = self._prefetch(batch)
            for step in batch:
                if not self._is_blocked(step):
                    self._carry_out(step, data)

    def _prefetch(self, batch: Sequence[_Step]) -> dict[ChunkId, bytes]:
        wanted = {chunk: None for step in batch for chunk in _ids(_small_content(step))}
        try:
            return dict(self._reader.fetch(list(wanted)))
        except IntegrityError:
            return {}  # one of them is damaged: each file asks for its own

    def _is_blocked(self, step: _Step) -> bool:
        """Say whether the step is below a folder that could not be entered."""
        if self._blocked is None or step.path[: len(self._blocked)] != self._blocked:
            return False
        if step.do is _Do.LEAVE and step.path == self._blocked:
            self._blocked = None
        return True

    def _carry_out(self, step: _Step, data: dict[ChunkId, bytes]) -> None:
        try:
            if step.do is _Do.MAKE and step.entry:
                self._make(step.path, step.entry, data)
            elif step.do is _Do.ENTER:
                self._target.enter(step.path)
                self.summary.folders += step.entry is not None
            elif step.do is _Do.LEAVE:
                self._target.leave(step.path, step.entry)
            else:
                self.summary.fail(step.path, step.problem)
        except (IntegrityError, StoreDenied) as error:
            self.summary.fail(step.path, str(error))
            if step.do is _Do.ENTER:
                self._blocked = step.path
        self._report(step.path)

    def _make(self, path: Path, entry: Entry, data: dict[ChunkId, bytes]) -> None:
        is_file = entry.kind is EntryKind.FILE
        earlier = self._links.get(entry.link)
        if earlier and earlier[1] == _inode(entry) and self._target.link(path, entry, earlier[0]):
            self.summary.files += is_file
            self.summary.others += not is_file
            return
        if is_file:
            self._target.write(path, entry, self._content(path, entry, data))
            self.summary.files += 1
        else:
            self._target.make(path, entry)
            self.summary.others += 1
        if entry.link:
            self._links[entry.link] = (path, _inode(entry))

    def _content(self, path: Path, entry: Entry, data: dict[ChunkId, bytes]) -> Content:
        items = content_of(self._reader, entry)
        while window := list(islice(items, WINDOW)):
            missing = {chunk: None for chunk in _ids(window) if chunk not in data}
            found = dict(self._reader.fetch(list(missing))) if missing else {}
            for item in window:
                piece = item if isinstance(item, int) else found.get(item) or data[item]
                self.summary.bytes_written += piece if isinstance(piece, int) else len(piece)
                yield piece
            self._report(path)

    def _report(self, path: Path) -> None:
        if self._progress is not None:
            self._progress(Progress(self.summary.files, self.summary.bytes_written, b"/".join(path)))


def _ids(items: Iterable[Item]) -> Iterator[ChunkId]:
    return (item for item in items if not isinstance(item, int))


def _small_content(step: _Step) -> tuple[Item, ...]:
    """Return the content that is fetched with that of other files; empty for a large file, which fetches its own."""
    entry = step.entry
    if step.do is not _Do.MAKE or entry is None or entry.levels or entry.size > SMALL_FILE_BYTES:
        return ()
    return entry.content if len(entry.content) <= WINDOW else ()


def _batches(steps: Iterator[_Step]) -> Iterator[list[_Step]]:
    """Group steps so that a batch's small files, and its content lists, take little memory."""
    batch: list[_Step] = []
    size = items = 0
    for step in steps:
        batch.append(step)
        items += len(step.entry.content) if step.entry else 0
        size += step.entry.size if step.entry and _small_content(step) else 0
        if size >= BATCH_BYTES or items >= BATCH_ITEMS or len(batch) >= BATCH_STEPS:
            yield batch
            batch, size, items = [], 0, 0
    if batch:
        yield batch


def _inode(entry: Entry) -> int:
    """Return a number that two names of one inode share: a group that a repository made up links nothing else."""
    return hash(replace(entry, name=b"", fingerprint=b""))
