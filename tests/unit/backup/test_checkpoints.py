"""What a session notes while it goes on, so that its end need not be heard of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup import large_file, store_apart
from holdfast.backup.checkpoints import CheckpointRate, Checkpoints, Noted
from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import pack_key, read_footer
from holdfast.backup.ports import Record, Status
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.resume import all_usable, bytes_noted, interrupted_roots, last_interrupted
from holdfast.backup.session import Session
from holdfast.backup.sources import SourceEntry
from holdfast.backup.store_tree import Progress
from holdfast.backup.tree import references, walk
from holdfast.backup.verify import verify
from holdfast.errors import DeadlineReached
from tests.support.backups import restored, source_of
from tests.support.clocks import FakeClock
from tests.support.local_backup import catalogue_of, create, opened
from tests.support.many_files import fill
from tests.support.repositories import any_repository, contents_of, noise
from tests.support.sources import ROOT, Script, ScriptedSource

KIB = 1024
DAY = timedelta(days=1).total_seconds()
OFTEN = CheckpointRate(least=timedelta(), data_bytes=100 * KIB)
NEVER = CheckpointRate(least=timedelta(days=1), most=timedelta(days=1))
FILES = 40
SIZE = 20 * KIB
LARGE = 30_000_000


class Killed(BaseException):
    """Stands for SIGKILL: nothing is written after it."""


NOTES: list[Any] = []
"""What the last session would have written at its end."""


@pytest.fixture(autouse=True)
def _no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def close(self: Session, reason: str) -> None:
        NOTES[:] = [self.notes]

    monkeypatch.setattr(Session, "close", close)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Repository]:
    create(tmp_path / "repository")
    with catalogue_of(tmp_path / "repository") as catalogue:
        yield opened(tmp_path / "repository", catalogue)


def small_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let worker processes begin at once, and come back often."""
    monkeypatch.setattr(store_apart, "APART_BYTES", 0)
    monkeypatch.setattr(store_apart, "JOB_BYTES", 200 * KIB)


def files(count: int = FILES) -> dict[bytes, Script]:
    return {b"%03d" % n: Script([noise(SIZE, n)], fingerprint=b"%d" % n) for n in range(count)}


def opened_times(scripts: dict[bytes, Script]) -> int:
    return sum(script.opened for script in scripts.values())


def at(name: bytes, what: Callable[[], None]) -> Callable[[bytes], None]:
    return lambda reached: what() if reached == name else None


def kill() -> None:
    raise Killed


def back_up(repository: Repository, source: Any, **options: Any) -> SnapshotSummary:
    return create_snapshot(repository, source, **{"user": "u", "host": "h", "checkpoints": OFTEN, **options})


def killed(repository: Repository, scripts: dict[bytes, Script], at_file: bytes = b"033") -> Record:
    """Kill a backup where it comes to a file; return the record it leaves."""
    with pytest.raises(Killed):
        back_up(repository, ScriptedSource(scripts, on_entry=at(at_file, kill)))
    (record,) = repository.ledger.active()
    return record


def test_a_killed_backup_is_gone_on_with_from_its_last_checkpoint() -> None:
    repository, scripts = any_repository(), files()
    record = killed(repository, scripts)
    assert bytes_noted(record) == 30 * SIZE  # every fifth file is a checkpoint
    resume = last_interrupted(repository, "u", "h", (ROOT,))
    assert resume == record.id
    summary = back_up(repository, ScriptedSource(scripts), resume=resume)
    assert opened_times(scripts) == FILES + 4  # the last of the checkpoint is opened, and not read
    assert summary.bytes_read == (FILES - 30) * SIZE
    assert verify(repository, read_data=True).ok


def test_what_a_checkpoint_notes_is_usable_at_that_moment() -> None:
    repository, scripts = any_repository(), files()
    seen: list[int] = []

    def look(_: bytes) -> None:
        for record in repository.ledger.active():
            if bytes_noted(record) >= 0:
                roots = interrupted_roots(repository, record.id, (ROOT,))
                assert roots[ROOT]
                seen.append(bytes_noted(record))

    back_up(repository, ScriptedSource(scripts, on_entry=look))
    assert sorted(set(seen)) == [n * 5 * SIZE for n in range(1, 8)]


def test_checkpoints_change_nothing_of_the_snapshot(local: Repository, tmp_path: Path) -> None:
    source = fill(tmp_path / "source")
    often, never = (back_up(local, source_of(source), host=rate, checkpoints=rates) for rate, rates in
                    (("often", OFTEN), ("never", NEVER)))  # fmt: skip
    assert load_manifest(local, often.snapshot).roots == load_manifest(local, never.snapshot).roots


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_checkpoint_leads_to_published_packs_alone(
    local: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    small_jobs(monkeypatch)
    source = fill(tmp_path / "source", files=300)
    honest = Session.note
    noted: list[bool] = []

    def looking(self: Session, notes: Any) -> None:
        honest(self, notes)
        roots = interrupted_roots(local, self.id, source_of(source).paths)
        noted.append(bool(roots) and all_usable(local, [node for nodes in roots.values() for node in nodes]))

    monkeypatch.setattr(Session, "note", looking)
    back_up(local, source_of(source), jobs=jobs)
    assert len(noted) > 1
    assert all(noted)
    assert verify(local, read_data=True).ok


def test_a_backup_killed_while_several_processes_store_is_gone_on_with(
    local: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_jobs(monkeypatch)
    source = fill(tmp_path / "source", files=300)
    honest = Session.note

    def last(self: Session, notes: Any) -> None:
        honest(self, notes)
        if notes["noted"] > 1_000_000:
            raise Killed

    monkeypatch.setattr(Session, "note", last)
    with pytest.raises(Killed):
        back_up(local, source_of(source), jobs=3)
    monkeypatch.undo()
    (record,) = local.ledger.active()
    summary = back_up(local, source_of(source), jobs=3, resume=record.id)
    assert summary.bytes_read <= summary.size - bytes_noted(record)
    restored(local, summary.snapshot, tmp_path / "back")
    for path in source.rglob("*"):
        if path.is_file():
            assert (tmp_path / "back" / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_the_attempt_that_noted_most_is_gone_on_with() -> None:
    repository, scripts = any_repository(), files()
    first = killed(repository, scripts)
    with pytest.raises(Killed):
        back_up(repository, ScriptedSource(scripts, on_entry=at(b"007", kill)))
    assert len([one for one in repository.ledger.active() if bytes_noted(one) >= 0]) == 2
    assert last_interrupted(repository, "u", "h", (ROOT,)) == first.id


def test_what_a_dead_session_noted_outlives_prunes_for_a_week() -> None:
    repository, scripts = any_repository(), files()
    record = killed(repository, scripts)
    noted = bytes_noted(record)
    for _ in range(2):
        repository.clock.sleep(3 * DAY)
        prune(repository, owner="p")
    assert repository.ledger.get([record.id])[record.id].status is Status.ABANDONED
    assert last_interrupted(repository, "u", "h", (ROOT,)) == record.id
    summary = back_up(repository, ScriptedSource(scripts), resume=record.id)
    assert summary.bytes_read == FILES * SIZE - noted
    assert verify(repository, read_data=True).ok


def test_a_prune_collects_what_was_noted_after_a_week_and_the_hint_is_dropped() -> None:
    repository, scripts = any_repository(), files()
    record = killed(repository, scripts)
    prune(repository, owner="p")
    assert interrupted_roots(repository, record.id, (ROOT,))  # its lease stands
    repository.clock.sleep(3600)
    assert prune(repository, owner="p").sessions_abandoned == 1
    assert interrupted_roots(repository, record.id, (ROOT,))
    repository.clock.sleep(8 * DAY)
    prune(repository, owner="p")
    assert list(repository.index.packs()) == []
    assert interrupted_roots(repository, record.id, (ROOT,)) == {}
    assert last_interrupted(repository, "u", "h", (ROOT,)) is None
    summary = back_up(repository, ScriptedSource(scripts), resume=record.id)
    assert summary.bytes_read == FILES * SIZE


def test_what_was_noted_before_a_later_snapshot_is_not_kept() -> None:
    repository, scripts = any_repository(), files()
    killed(repository, scripts)
    repository.clock.sleep(3600)
    prune(repository, owner="p")
    noted = sum(row.size for row in repository.index.packs())
    back_up(repository, ScriptedSource({b"other": scripts[b"000"]}))
    prune(repository, owner="p")
    assert sum(row.size for row in repository.index.packs()) < noted / 4  # the pack of that file


def test_what_was_noted_and_is_gone_is_not_in_the_way_of_a_prune() -> None:
    repository, scripts = any_repository(), files()
    killed(repository, scripts)
    repository.clock.sleep(3600)
    snapshot = back_up(repository, ScriptedSource({b"x": scripts[b"000"]}), user="other").snapshot
    kept = set(references(ChunkReader(repository), load_manifest(repository, snapshot).roots, set()))
    for row in list(repository.index.packs()):
        chunks = read_footer(repository.objects, repository.keyring, row.pack).chunks
        if not kept & set(chunks):
            repository.objects.delete(pack_key(row.pack))
            repository.index.unpoint(row.pack, chunks)
    prune(repository, owner="p")
    assert verify(repository, read_data=True).ok


def test_a_session_that_goes_on_with_an_abandoned_one_keeps_what_it_took() -> None:
    repository, scripts = any_repository(), files()
    record = killed(repository, scripts)
    repository.clock.sleep(3600)

    def collect() -> None:
        prune(repository, owner="p")
        prune(repository, owner="p")

    source = ScriptedSource(scripts, on_entry=at(b"035", collect))
    summary = back_up(repository, source, resume=record.id)
    assert summary.bytes_read < FILES * SIZE
    prune(repository, owner="p")
    assert verify(repository, read_data=True).ok
    assert summary.files == FILES


def test_an_attempt_after_a_lost_lease_goes_on_where_that_one_was() -> None:
    repository, scripts = any_repository(), files()
    abandoned: list[Record] = []

    def fence() -> None:
        if not abandoned:
            abandoned.extend(repository.ledger.active())
            repository.clock.sleep(3600)
            assert repository.ledger.abandon(abandoned[0].id, repository.clock.now())

    summary = back_up(repository, ScriptedSource(scripts, on_entry=at(b"030", fence)))
    assert summary.snapshot != abandoned[0].id
    assert opened_times(scripts) < FILES + 10


def one_large(size: int = 3_000_000) -> dict[bytes, Script]:
    return {b"a": Script([b"a"], fingerprint=b"a"), b"large": Script([noise(size)], fingerprint=b"large")}


def killed_in_the_middle(repository: Repository, scripts: dict[bytes, Script], after: int) -> Record:
    def progress(at: Progress) -> None:
        if at.bytes_read > after:
            raise Killed

    with pytest.raises(Killed):
        back_up(repository, ScriptedSource(scripts), progress=progress)
    (record,) = repository.ledger.active()
    return record


def test_a_backup_killed_in_the_middle_of_a_file_goes_on_in_the_middle_of_it() -> None:
    repository, scripts = any_repository(), one_large()
    record = killed_in_the_middle(repository, scripts, 2_000_000)
    noted = bytes_noted(record)
    assert 1_300_000 < noted <= 2_600_000
    summary = back_up(repository, ScriptedSource(scripts), resume=record.id)
    assert summary.bytes_read == summary.size - noted
    assert contents_of(repository, summary.snapshot)["large"] == noise(3_000_000)
    whole = back_up(any_repository(), ScriptedSource(scripts), checkpoints=NEVER)
    assert summary.size == whole.size
    again = back_up(repository, ScriptedSource(scripts))
    assert (again.bytes_read, again.files_unchanged) == (0, 2)


def test_a_file_gone_on_with_is_the_very_file_of_one_backup() -> None:
    repository, scripts = any_repository(), one_large()
    record = killed_in_the_middle(repository, scripts, 2_000_000)
    on = back_up(repository, ScriptedSource(scripts), resume=record.id, host="x")
    whole = back_up(repository, ScriptedSource(scripts), checkpoints=NEVER, host="y")
    assert load_manifest(repository, on.snapshot).roots == load_manifest(repository, whole.snapshot).roots


def test_a_file_that_changed_since_its_first_part_was_stored_is_read_whole() -> None:
    repository, scripts = any_repository(), one_large()
    record = killed_in_the_middle(repository, scripts, 2_000_000)
    scripts[b"large"] = Script([noise(3_000_000, 2)], fingerprint=b"other")
    summary = back_up(repository, ScriptedSource(scripts), resume=record.id)
    assert summary.bytes_read == 3_000_000
    assert contents_of(repository, summary.snapshot)["large"] == noise(3_000_000, 2)


def test_a_file_that_changes_when_it_is_opened_to_go_on_is_read_whole() -> None:
    """It was listed as it had been, and is another by the time it is opened."""
    repository, scripts = any_repository(), one_large()
    record = killed_in_the_middle(repository, scripts, 2_000_000)

    class Changing(ScriptedSource):
        @contextmanager
        def open(self, item: SourceEntry) -> Iterator[Any]:
            if item.entry.name == b"large":
                scripts[b"large"] = Script([noise(3_000_000, 2)], fingerprint=b"other")
            with super().open(item) as file:
                yield file

    summary = back_up(repository, Changing(scripts), resume=record.id)
    assert contents_of(repository, summary.snapshot)["large"] == noise(3_000_000, 2)
    assert verify(repository, read_data=True).ok


def test_a_deadline_in_the_middle_of_a_file_is_gone_on_with_there() -> None:
    repository, scripts = any_repository(), one_large()
    end = repository.clock.now() + timedelta(seconds=60)

    def slowly(at: Progress) -> None:
        if at.bytes_read:
            repository.clock.sleep(3)

    ids = iter([SnapshotId("1" * 32), SnapshotId("2" * 32)])
    with pytest.raises(DeadlineReached):
        create_snapshot(
            repository, ScriptedSource(scripts), user="u", host="h", deadline=end, progress=slowly, new_id=ids.__next__
        )
    repository.ledger.finish(SnapshotId("1" * 32), Status.FAILED, end, NOTES[0])
    summary = back_up(repository, ScriptedSource(scripts), resume=SnapshotId("1" * 32))
    assert 0 < summary.bytes_read < 2_500_000
    assert contents_of(repository, summary.snapshot)["large"] == noise(3_000_000)


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_large_file_in_parts_is_gone_on_with(
    local: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    small_jobs(monkeypatch)
    monkeypatch.setattr(large_file, "PART_BYTES", 500_000)
    source = tmp_path / "source"
    source.mkdir()
    (source / "large").write_bytes(noise(LARGE))
    os.utime(source / "large", ns=(1, 1))
    honest, noted = Session.note, []

    def last(self: Session, notes: Any) -> None:
        honest(self, notes)
        reader = ChunkReader(local)
        roots = interrupted_roots(local, self.id, source_of(source).paths)
        found = [entry.size for nodes in roots.values() for _, entry in walk(reader, nodes) if entry.name == b"large"]
        if found and found[0] > 1_000_000:
            noted.append(found[0])
            raise Killed

    monkeypatch.setattr(Session, "note", last)
    with pytest.raises(Killed):
        back_up(local, source_of(source), jobs=jobs)
    monkeypatch.setattr(Session, "note", honest)
    (record,) = local.ledger.active()
    assert bytes_noted(record) == noted[0]
    summary = back_up(local, source_of(source), jobs=jobs, resume=record.id)
    assert summary.bytes_read < LARGE - noted[0] + 2_000_000  # parts begin before where they are cut
    restored(local, summary.snapshot, tmp_path / "back")
    assert (tmp_path / "back" / "large").read_bytes() == noise(LARGE)
    whole = back_up(local, source_of(source), jobs=1, host="other")
    assert load_manifest(local, whole.snapshot).roots == load_manifest(local, summary.snapshot).roots
    assert verify(local, read_data=True).ok


def due(rate: CheckpointRate, *steps: tuple[float, int]) -> list[bool]:
    """Say, for each pause and number of bytes read in all, whether one was due; note it if so."""
    clock = FakeClock()
    noted: list[Noted] = []
    checkpoints = Checkpoints(clock, rate, noted.append)
    told = []
    for seconds, bytes_read in steps:
        clock.sleep(seconds)
        told.append(checkpoints.is_due(bytes_read))
        if told[-1]:
            checkpoints.note(Noted((), 0), bytes_read)
    assert len(noted) == sum(told)
    return told


def test_one_is_due_after_a_gibibyte_and_a_minute() -> None:
    gib = 1024**3
    assert due(CheckpointRate(), (59, 2 * gib), (2, 2 * gib + 1), (0, 3 * gib)) == [False, False, True]
    assert due(CheckpointRate(), (61, gib), (61, 2 * gib - 1), (1, 2 * gib + gib)) == [True, False, True]


def test_one_is_due_after_five_minutes_and_anything_read() -> None:
    mib = 1024**2
    assert due(CheckpointRate(), (301, 0), (1, 8 * mib), (299, 16 * mib), (2, 24 * mib)) == [False, True, False, True]


def test_many_tiny_files_are_noted_too_and_a_run_that_reads_nothing_is_not() -> None:
    assert due(CheckpointRate(), *[(2.0, n) for n in range(600)]).count(True) == 2
    assert not any(due(CheckpointRate(), *[(2.0, 0) for _ in range(600)]))
