"""Writing a snapshot back: exactly, file by file, as much of it as can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import NamedTuple

from holdfast.backup.content import FileContent
from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.ids import SnapshotId
from holdfast.backup.locate import Located, locate, names_of, roots
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.restore_apart import RestoreApart
from holdfast.backup.targets import Target, WritesByPath
from holdfast.backup.tree import entries_of
from holdfast.errors import IntegrityError, StoreDenied

BATCH_BYTES = 8 * 1024 * 1024
BATCH_STEPS = 4096
BATCH_ITEMS = 65_536
APART_BYTES = 32 * 1024 * 1024
"""No more than this is restored without worker processes: what is done in 0.1 s is not worth four of them."""
STEP_BYTES = 16 * 1024
"""What making a file or folder costs, in bytes that could be written instead."""
MAX_FAILED = 1000


class Failed(NamedTuple):
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
    jobs: int = 1,
) -> RestoreSummary:
    """Write the snapshot, or what is at `path` in it, to the target; every byte written was verified.

    A folder's content goes directly into the target, a file under its own name; several sources go below their full
    paths. A file that cannot be read or written is in `failed`, and the rest is restored. Whoever restores many
    snapshots one after the other gives a `reader` of his own, which still holds what they share.
    Much data is restored by `jobs` processes besides this one, where the target can be written so; the object store
    must then be one that a forked process may use.

    Raises:
        NotFound: no such snapshot or path.
        StoreUnavailable: the target is full or failed; what stands under its final name is whole.
    """
    reader = reader or ChunkReader(repository)
    manifest = load_manifest(repository, snapshot)
    start = repository.clock.now()
    tops = roots(reader, manifest) if path is None else [locate(reader, manifest, path)]
    single = tops[0].entry if len(tops) == 1 and tops[0].entry.kind is EntryKind.DIRECTORY else None
    job = _Restore(repository, reader, target, RestoreSummary(snapshot), progress, jobs)
    try:
        target.begin(single)
        job.run(_steps(reader, (), single) if single else _each(reader, tops))
        target.finish()
    finally:
        job.close()
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
    """Yield the steps for what is in a folder; a node that cannot be read costs what it lists, and nothing more."""
    problems: list[str] = []

    def opened(entry: Entry) -> Iterator[Entry]:
        return entries_of(reader, entry.nodes, entry.levels, lambda _, error: problems.append(str(error)))

    stack = [(path, folder, opened(folder))]
    while stack:
        above, parent, entries = stack[-1]
        entry = next(entries, None)
        while problems:
            yield _Step(_Do.DAMAGED, above, parent, problems.pop(0))
        if entry is None:
            stack.pop()
            if stack:
                yield _Step(_Do.LEAVE, above, parent)
            continue
        below = (*above, entry.name)
        if entry.kind is EntryKind.DIRECTORY:
            yield _Step(_Do.ENTER, below, entry)
            stack.append((below, entry, opened(entry)))
        else:
            yield _Step(_Do.MAKE, below, entry)


class _Restore:
    """Carries steps out in order, fetching the content of many small files at once; much of it in other processes."""

    def __init__(
        self,
        repository: Repository,
        reader: ChunkReader,
        target: Target,
        summary: RestoreSummary,
        progress: OnProgress | None,
        jobs: int,
    ) -> None:
        self._repository = repository
        self._reader = reader
        self._target = target
        self._progress = progress
        self._jobs = jobs
        self._content = FileContent(reader, self._report)
        self._apart: RestoreApart | None = None
        self._blocked: Path | None = None
        self._links: dict[bytes, tuple[Path, int]] = {}
        self._path: Path = ()
        self.summary = summary

    def run(self, steps: Iterator[_Step]) -> None:
        """Carry out every step."""
        batches = _batches(steps)
        first, is_much = _look_ahead(batches) if self._jobs > 1 else ([], False)
        if is_much and isinstance(self._target, WritesByPath):
            self._apart = RestoreApart(self._repository, self._reader, self._target, self._jobs)
        for batch in chain(first, batches):
            if self._apart is None:
                self._content.prefetch(step.entry for step in batch if step.entry)
                self._carry_out_all(batch)
            else:
                self._share(batch, self._apart)
        if self._apart is not None:
            self._take(self._apart, wait=True)

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self._apart is not None:
            self._apart.close()

    def _share(self, batch: Sequence[_Step], apart: RestoreApart) -> None:
        """Do the folders here, in order, then give the files in them to the workers."""
        others = [_is_for_others(step) for step in batch]
        mine = (step for step, is_for_others in zip(batch, others, strict=True) if not is_for_others)
        self._content.prefetch(step.entry for step in mine if step.entry)
        for step, is_for_others in zip(batch, others, strict=True):
            if self._is_blocked(step):
                continue
            if is_for_others and step.entry:
                apart.write(step.path, step.entry)
            else:
                self._carry_out(step)
        self._take(apart, wait=False)

    def _take(self, apart: RestoreApart, *, wait: bool) -> None:
        for done in apart.done(wait=wait):
            self.summary.files += done.files
            self.summary.bytes_written += done.bytes_written
            for path, reason in done.failed:
                self.summary.fail(path, reason)
            self._report()

    def _carry_out_all(self, batch: Sequence[_Step]) -> None:
        for step in batch:
            if not self._is_blocked(step):
                self._carry_out(step)

    def _is_blocked(self, step: _Step) -> bool:
        """Say whether the step is below a folder that could not be entered."""
        if self._blocked is None or step.path[: len(self._blocked)] != self._blocked:
            return False
        if step.do is _Do.LEAVE and step.path == self._blocked:
            self._blocked = None
        return True

    def _carry_out(self, step: _Step) -> None:
        self._path = step.path
        try:
            if step.do is _Do.MAKE and step.entry:
                self._make(step.path, step.entry)
            elif step.do is _Do.ENTER:
                self._target.enter(step.path)
                self.summary.folders += step.entry is not None
            elif step.do is _Do.LEAVE:
                self._leave(step)
            else:
                self.summary.fail(step.path, step.problem)
        except (IntegrityError, StoreDenied) as error:
            self.summary.fail(step.path, str(error))
            if step.do is _Do.ENTER:
                self._blocked = step.path
        self._report()

    def _leave(self, step: _Step) -> None:
        if self._apart is None or step.entry is None:
            self._target.leave(step.path, step.entry)
            return
        self._target.leave(step.path, None)
        self._apart.leave(step.path, step.entry)

    def _make(self, path: Path, entry: Entry) -> None:
        is_file = entry.kind is EntryKind.FILE
        earlier = self._links.get(entry.link)
        if earlier and earlier[1] == _inode(entry) and self._target.link(path, entry, earlier[0]):
            self.summary.files += is_file
            self.summary.others += not is_file
            return
        if is_file:
            before = self._content.bytes_given
            try:
                self._target.write(path, entry, self._content.of(entry))
            finally:
                self.summary.bytes_written += self._content.bytes_given - before
            self.summary.files += 1
        else:
            self._target.make(path, entry)
            self.summary.others += 1
        if entry.link:
            self._links[entry.link] = (path, _inode(entry))

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(Progress(self.summary.files, self.summary.bytes_written, b"/".join(self._path)))


def _is_for_others(step: _Step) -> bool:
    """Say whether a worker may do the step: a file that no other name is linked to."""
    return step.do is _Do.MAKE and step.entry is not None and step.entry.kind is EntryKind.FILE and not step.entry.link


def _look_ahead(batches: Iterator[list[_Step]]) -> tuple[list[list[_Step]], bool]:
    """Take the first batches, up to what is worth worker processes; say whether there is as much as that."""
    first = []
    work = 0
    for batch in batches:
        first.append(batch)
        work += sum(STEP_BYTES + (step.entry.size if step.entry else 0) for step in batch)
        if work > APART_BYTES:
            return first, True
    return first, False


def _batches(steps: Iterator[_Step]) -> Iterator[list[_Step]]:
    """Group steps so that a batch's small files, and its content lists, take little memory."""
    batch: list[_Step] = []
    size = items = 0
    for step in steps:
        batch.append(step)
        if step.entry:
            items += len(step.entry.content)
            size += step.entry.size
        if size >= BATCH_BYTES or items >= BATCH_ITEMS or len(batch) >= BATCH_STEPS:
            yield batch
            batch, size, items = [], 0, 0
    if batch:
        yield batch


def _inode(entry: Entry) -> int:
    """Return a number that two names of one inode share: a group that a repository made up links nothing else."""
    return hash(entry._replace(name=b"", fingerprint=b""))
