"""Making one snapshot: begin a session, store what is new, write the manifest, acknowledge."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from holdfast import __version__
from holdfast.backup.checkpoints import CheckpointRate, Checkpoints, Noted
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.manifest import Manifest, SourceRoot, put_manifest
from holdfast.backup.outset import Outset
from holdfast.backup.parallel import begun
from holdfast.backup.ports import Status
from holdfast.backup.previous import StandingChunks
from holdfast.backup.reader import ChunkReader
from holdfast.backup.remote import is_remote
from holdfast.backup.repository import Repository
from holdfast.backup.resume import all_usable, interrupted_roots, last_interrupted, notes_of
from holdfast.backup.session import Session, new_snapshot_id
from holdfast.backup.snapshots import figures_of, find_parent
from holdfast.backup.sources import Skipped, Source
from holdfast.backup.store_apart import Written
from holdfast.backup.store_tree import OnProgress, Tally, TreeStore
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import DeadlineReached, HoldfastError, IntegrityError, Interrupted, InvalidRequest, LeaseLost

ATTEMPTS = 3
"""A session whose lease was lost is begun anew this often in all."""
MAX_TEXT = 256


class SnapshotSummary(NamedTuple):
    """An acknowledged snapshot. `size` and the other bytes are plaintext, `bytes_stored` is not; lists end at 1,000."""

    snapshot: SnapshotId
    files: int
    size: int
    bytes_read: int
    bytes_added: int
    bytes_stored: int
    files_unchanged: int
    seconds: float
    skipped_count: int
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether everything the sources held is in it."""
        return self.skipped_count == 0


class _Request(NamedTuple):
    source: Source
    user: str
    host: str
    tags: tuple[str, ...]
    lease: timedelta
    deadline: datetime | None
    progress: OnProgress | None
    new_id: Callable[[], SnapshotId]
    reread: bool
    resume: SnapshotId | None
    jobs: int
    is_stopped: Callable[[], bool]
    checkpoints: CheckpointRate
    outset: Outset | None


def create_snapshot(
    repository: Repository,
    source: Source,
    *,
    user: str,
    host: str,
    tags: Sequence[str] = (),
    lease: timedelta = timedelta(minutes=15),
    progress: OnProgress | None = None,
    deadline: datetime | None = None,
    new_id: Callable[[], SnapshotId] = new_snapshot_id,
    reread: bool = False,
    resume: SnapshotId | None = None,
    jobs: int = 1,
    is_stopped: Callable[[], bool] = lambda: False,
    checkpoints: CheckpointRate = CheckpointRate(),  # noqa: B008 - frozen
    outset: Outset | None = None,
) -> SnapshotSummary:
    """Store the source as one snapshot and return when it is durable and acknowledged; safe to repeat.

    Files whose fingerprint is that of the newest snapshot of the same user, host and paths are not read, unless
    `reread`. What could not be read is in `skipped`, and the snapshot is there without it. `resume` is an earlier
    attempt that was stopped or killed, or reached its deadline: what it had noted, at its end or at the last of its
    `checkpoints`, is not read again either if it is usable still.
    Much data of a source that can be read by path is stored by `jobs` processes besides this one; the object store must
    then be one that a forked process may use. What `outset` holds is not read again.

    Raises:
        SourceUnreadable: a root does not exist; nothing was written.
        DeadlineReached: the time ran out; what was stored stays and is found by the next attempt.
        Interrupted: `is_stopped`, asked between chunks, said so; as with a deadline.
        LeaseLost: fenced again and again; the clock or the lease is wrong.
    """
    _check_texts(user, host, tags)
    source.check()
    request = _Request(
        source=source,
        user=user,
        host=host,
        tags=tuple(dict.fromkeys(tags)),
        lease=lease,
        deadline=deadline,
        progress=progress,
        new_id=new_id,
        reread=reread,
        resume=resume,
        jobs=jobs,
        is_stopped=is_stopped,
        checkpoints=checkpoints,
        outset=outset,
    )
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(repository, request)
        except LeaseLost:
            if attempt == ATTEMPTS - 1:
                raise
            request = request._replace(outset=None)
            if not reread:
                request = request._replace(resume=last_interrupted(repository, user, host, source.paths) or resume)
    raise AssertionError("unreachable")


def _check_texts(user: str, host: str, tags: Sequence[str]) -> None:
    for what, text in (("user", user), ("host", host), *(("tag", tag) for tag in tags)):
        if not text or len(text) > MAX_TEXT or not text.isprintable():
            raise InvalidRequest(f"{what} must be 1 to {MAX_TEXT} printable characters, got {text!r}")


def _attempt(repository: Repository, request: _Request) -> SnapshotSummary:
    outset = request.outset
    epoch = outset.epoch if outset else repository.ledger.epoch()
    paths = request.source.paths
    parent = None if request.reread else find_parent(repository, request.user, request.host, paths, outset)
    reader = ChunkReader(repository, by_footers=True)  # of the parent: a damaged one only costs speed
    with _reading_roots(repository, reader, parent) as read:
        session = _begin(repository, request, epoch, parent)
        return _in_session(repository, request, session, parent, reader, read)


@contextmanager
def _reading_roots(
    repository: Repository, reader: ChunkReader, parent: Manifest | None
) -> Iterator[Callable[[], None]]:
    """Read the parent's roots while the session begins, where answers come late; what is given waits for it."""

    def read() -> None:
        with suppress(IntegrityError):
            deque(reader.fetch(parent.roots if parent else ()), maxlen=0)

    if parent is None or not is_remote(repository.objects):
        yield lambda: None
        return
    with begun(read) as done:
        yield done


def _in_session(
    repository: Repository,
    request: _Request,
    session: Session,
    parent: Manifest | None,
    reader: ChunkReader,
    read: Callable[[], None],
) -> SnapshotSummary:
    reason = "interrupted"
    try:
        if parent and not _still_stands(repository, parent):
            parent = None  # forgotten between the choice and our record: prune may not have seen that we use it
        read()
        summary = _run(repository, request, session, parent, reader)
        reason = ""  # acknowledged, here or in the session that took over from this one
        return summary
    except Interrupted:
        raise
    except DeadlineReached:
        reason = "deadline"
        raise
    except LeaseLost:
        reason = ""  # the record is not ours to finish any more
        raise
    except HoldfastError as error:
        reason = type(error).__name__  # not its text, which may name a file: the ledger is not encrypted
        raise
    finally:
        session.close(reason)


def _still_stands(repository: Repository, parent: Manifest) -> bool:
    record = repository.ledger.get([parent.id]).get(parent.id)
    return record is not None and record.status is Status.COMPLETED


def _begin(repository: Repository, request: _Request, epoch: int, parent: Manifest | None) -> Session:
    return Session(
        repository.ledger,
        repository.clock,
        epoch=epoch,
        parent=parent.id if parent else None,
        user=request.user,
        host=request.host,
        lease=request.lease,
        deadline=request.deadline,
        is_stopped=request.is_stopped,
        new_id=request.new_id,
    )


def _run(
    repository: Repository, request: _Request, session: Session, parent: Manifest | None, reader: ChunkReader
) -> SnapshotSummary:
    writer = ChunkWriter(repository, session.id)
    trees = TreeStore(
        repository,
        writer,
        request.source,
        StandingChunks(reader, writer.stands),
        tick=session.tick,
        progress=request.progress,
        jobs=request.jobs,
    )
    try:
        roots, written = _store(repository, request, session, trees, parent)
    finally:
        trees.close()
    manifest = Manifest(
        id=session.id,
        time=session.start,
        finished=repository.clock.now(),
        host=request.host,
        user=request.user,
        tags=request.tags,
        sources=tuple(roots),
        parent=parent.id if parent else None,
        packs_added=tuple(written.packs),
        counts=_counts(trees.tally, written),
        skipped=tuple(trees.tally.skipped),
        program=f"holdfast {__version__}",
    )
    return _summary(_commit(repository, request, session, manifest), trees.tally)


def _store(
    repository: Repository, request: _Request, session: Session, trees: TreeStore, parent: Manifest | None
) -> tuple[list[SourceRoot], Written]:
    """Store every source; all of it is durable and published on return, and also when the deadline ends it."""
    before = {source.path: source.root for source in parent.sources} if parent else {}
    interrupted = interrupted_roots(repository, request.resume, request.source.paths)
    roots: list[SourceRoot] = []

    def notes(size: int, *unfinished: tuple[ChunkId, ...]) -> Mapping[str, int | str]:
        stored = [*(root.root for root in roots), *unfinished]
        return notes_of(repository, request.source.paths, stored, size)

    def on_note(noted: Noted) -> None:
        session.note(notes(noted.size, noted.roots))

    checkpoints = Checkpoints(repository.clock, request.checkpoints, on_note)
    try:
        for path in request.source.paths:
            stored = trees.store(path, before.get(path, ()), interrupted.get(path, ()), checkpoints)
            roots.append(SourceRoot(path, stored))
    except DeadlineReached:
        unfinished = trees.unfinished()
        trees.flush()
        session.notes = notes(trees.tally.size, unfinished)
        raise
    written = trees.flush()
    session.notes = notes(trees.tally.size)
    session.stop_if_asked()
    return roots, written


def _commit(repository: Repository, request: _Request, session: Session, manifest: Manifest) -> Manifest:
    """Acknowledge; after a lost lease only if everything the manifest refers to still stands, in a new session."""
    try:
        _acknowledge(repository, session, manifest)
    except LeaseLost:
        session = _begin(repository, request, repository.ledger.epoch(), None)
        manifest = manifest._replace(id=session.id)
        try:
            if not all_usable(repository, manifest.roots):
                raise
            _acknowledge(repository, session, manifest)
        finally:
            session.close("lease lost")
    return manifest


def _acknowledge(repository: Repository, session: Session, manifest: Manifest) -> None:
    put_manifest(repository, manifest)
    session.complete(figures_of(manifest, repository.keyring))


def _counts(tally: Tally, written: Written) -> dict[str, int]:
    return {
        "files": tally.files,
        "folders": tally.folders,
        "others": tally.others,
        "size": tally.size,
        "bytes_read": tally.bytes_read,
        "bytes_added": written.bytes_added,
        "bytes_stored": written.bytes_stored,
        "files_unchanged": tally.files_unchanged,
        "skipped": tally.skipped_count,
    }


def _summary(manifest: Manifest, tally: Tally) -> SnapshotSummary:
    return SnapshotSummary(
        snapshot=manifest.id,
        files=tally.files,
        size=tally.size,
        bytes_read=tally.bytes_read,
        bytes_added=manifest.counts["bytes_added"],
        bytes_stored=manifest.counts["bytes_stored"],
        files_unchanged=tally.files_unchanged,
        seconds=(manifest.finished - manifest.time).total_seconds(),
        skipped_count=tally.skipped_count,
        skipped=tuple(tally.skipped),
        warnings=tuple(tally.warnings),
    )
