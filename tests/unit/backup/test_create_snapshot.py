from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.locate import list_below
from holdfast.backup.manifest import load_manifest, manifest_ids
from holdfast.backup.ports import Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.sources import Skipped
from holdfast.backup.store_tree import Progress
from holdfast.errors import DeadlineReached, InvalidRequest, LeaseLost, SourceUnreadable
from tests.support.backups import back_up, restored, source_of
from tests.support.repositories import any_repository
from tests.support.sources import ROOT, Script, ScriptedSource


def scripted(repository: Repository, source: ScriptedSource, **options: Any) -> SnapshotSummary:
    return create_snapshot(repository, source, **{"user": "user", "host": "host", **options})


def contents(repository: Repository, snapshot: SnapshotId, to: Path) -> dict[str, bytes]:
    restored(repository, snapshot, to)
    return {str(path.relative_to(to)): path.read_bytes() for path in sorted(to.rglob("*")) if path.is_file()}


def record_of(repository: Repository, id_: SnapshotId) -> Any:
    return repository.ledger.get([id_])[id_]


def test_a_snapshot_is_recorded_with_its_figures(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    repository = any_repository()
    summary = back_up(repository, tmp_path, tags=("daily", "daily", "x"))

    record = record_of(repository, summary.snapshot)
    manifest = load_manifest(repository, summary.snapshot)
    assert record.status is Status.COMPLETED
    assert (record.figures["files"], record.figures["bytes_read"], record.figures["skipped"]) == (1, 5, 0)
    assert manifest.tags == ("daily", "x")
    assert manifest.sources[0].path == os.fsencode(tmp_path)
    assert (summary.files, summary.size, summary.bytes_read, summary.is_complete) == (1, 5, 5, True)
    assert summary.bytes_stored > 0


def test_an_unchanged_file_is_not_opened_again() -> None:
    repository = any_repository()
    same, other = Script([b"same"], fingerprint=b"1"), Script([b"other"], fingerprint=b"1")
    source = ScriptedSource({b"same": same, b"other": other})
    scripted(repository, source)
    other.contents, other.fingerprint = [b"changed"], b"2"

    second = scripted(repository, source)

    assert (same.opened, other.opened) == (1, 2)
    assert (second.files, second.files_unchanged, second.bytes_read) == (2, 1, 7)


def test_a_file_without_fingerprint_is_always_read() -> None:
    repository = any_repository()
    script = Script([b"x"])
    source = ScriptedSource({b"f": script})
    scripted(repository, source)
    scripted(repository, source)
    assert script.opened == 2


def test_reread_opens_what_seems_unchanged() -> None:
    repository = any_repository()
    script = Script([b"x"], fingerprint=b"1")
    source = ScriptedSource({b"f": script})
    scripted(repository, source)
    assert scripted(repository, source, reread=True).files_unchanged == 0
    assert script.opened == 2


@pytest.mark.parametrize("change", [{"user": "another"}, {"host": "another"}])
def test_the_parent_is_of_the_same_user_and_host(change: dict[str, str]) -> None:
    repository = any_repository()
    source = ScriptedSource({b"f": Script([b"x"], fingerprint=b"1")})
    scripted(repository, source)
    assert scripted(repository, source, **change).files_unchanged == 0


def test_the_parent_has_the_same_sources(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"x")
    (tmp_path / "b").mkdir()
    repository = any_repository()
    first = back_up(repository, tmp_path / "a")
    both = back_up(repository, tmp_path / "a", tmp_path / "b")
    again = back_up(repository, tmp_path / "a")
    assert load_manifest(repository, both.snapshot).parent is None
    assert load_manifest(repository, again.snapshot).parent == first.snapshot
    assert again.files_unchanged == 1


def test_a_damaged_parent_costs_speed_only(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "f").write_bytes(b"x")
    repository = any_repository()
    first = back_up(repository, tmp_path / "s")
    replace_object(repository, f"snapshots/{first.snapshot}", b"damaged")
    second = back_up(repository, tmp_path / "s")
    assert second.files_unchanged == 0
    assert contents(repository, second.snapshot, tmp_path / "t") == {"f": b"x"}


def replace_object(repository: Repository, key: str, data: bytes) -> None:
    repository.objects.delete(key)
    repository.objects.put(key, data)


def test_a_file_that_changed_while_read_is_read_again(tmp_path: Path) -> None:
    repository = any_repository()
    script = Script([b"torn", b"whole"], fingerprint=b"1")
    summary = scripted(repository, ScriptedSource({b"f": script}))
    assert script.opened == 2
    assert summary.warnings == ()
    assert contents(repository, summary.snapshot, tmp_path / "t") == {"f": b"whole"}


def test_a_file_that_keeps_changing_is_stored_as_read_with_a_warning_and_read_next_time(tmp_path: Path) -> None:
    repository = any_repository()
    script = Script([b"1", b"22", b"333", b"4444"], fingerprint=b"1")
    source = ScriptedSource({b"f": script})
    summary = scripted(repository, source)
    assert script.opened == 2
    assert "changed while it was read" in summary.warnings[0]
    assert summary.is_complete
    assert contents(repository, summary.snapshot, tmp_path / "t") == {"f": b"22"}
    assert scripted(repository, source).files_unchanged == 0


@pytest.mark.parametrize(
    "script", [Script([b"x"], unreadable="permission denied"), Script([b"x" * 200_000], torn_after=1)]
)
def test_an_unreadable_file_is_skipped_and_the_snapshot_marked_incomplete(script: Script, tmp_path: Path) -> None:
    repository = any_repository()
    summary = scripted(repository, ScriptedSource({b"bad": script, b"good": Script([b"g"])}))

    manifest = load_manifest(repository, summary.snapshot)
    assert [skipped.path for skipped in summary.skipped] == [ROOT + b"/bad"]
    assert not summary.is_complete
    assert not manifest.is_complete
    assert manifest.skipped == summary.skipped
    assert record_of(repository, summary.snapshot).figures["skipped"] == 1
    assert contents(repository, summary.snapshot, tmp_path / "t") == {"good": b"g"}


def test_what_no_snapshot_can_hold_is_a_warning() -> None:
    source = ScriptedSource({}, skipped=[Skipped(b"/socket", "a socket cannot be backed up", expected=True)])
    summary = scripted(any_repository(), source)
    assert summary.is_complete
    assert "socket" in summary.warnings[0]


def test_a_source_that_does_not_exist_writes_nothing(tmp_path: Path) -> None:
    repository = any_repository()
    with pytest.raises(SourceUnreadable, match="does not exist"):
        back_up(repository, tmp_path / "none")
    assert list(manifest_ids(repository)) == []
    assert repository.ledger.active() == []


def test_a_root_that_vanishes_after_the_check_leaves_an_incomplete_snapshot(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    source = source_of(tmp_path / "a", tmp_path / "b")
    source.check = lambda: (tmp_path / "b").rmdir()  # type: ignore[method-assign]
    repository = any_repository()
    summary = create_snapshot(repository, source, user="u", host="h")
    assert [skipped.reason for skipped in summary.skipped] == ["it vanished"]
    restored(repository, summary.snapshot, tmp_path / "t")


def test_hard_links_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    for n in range(5):
        (tmp_path / f"b{n}").hardlink_to(tmp_path / "a")
    summary = back_up(any_repository(), tmp_path)
    assert (summary.files, summary.bytes_read) == (6, 1000)


def test_a_deadline_stops_cleanly_and_the_next_attempt_goes_on() -> None:
    repository = any_repository()
    start = repository.clock.now()
    files = {b"%02d" % n: Script([bytes([n]) * 1000]) for n in range(60)}
    slow = ScriptedSource(files, on_entry=lambda _: repository.clock.sleep(2))

    with pytest.raises(DeadlineReached) as stopped:
        scripted(repository, slow, deadline=start + timedelta(seconds=60))

    assert stopped.value.retryable
    assert repository.clock.now() < start + timedelta(seconds=60)
    assert repository.ledger.active() == []
    assert list(manifest_ids(repository)) == []
    again = scripted(repository, ScriptedSource(files))
    assert 0 < again.bytes_added < 60 * 1000
    assert again.files == 60


def failed_reason(repository: Repository, ids: list[SnapshotId]) -> str:
    (record,) = repository.ledger.get(ids).values()
    assert record.status is Status.FAILED
    return str(record.figures["reason"])


@pytest.mark.parametrize(
    ("error", "reason"), [(KeyboardInterrupt(), "interrupted"), (SourceUnreadable("secret/name"), "SourceUnreadable")]
)
def test_a_session_that_fails_says_why_and_names_no_file(error: BaseException, reason: str) -> None:
    repository = any_repository()
    ids: list[SnapshotId] = []

    def new_id() -> SnapshotId:
        ids.append(SnapshotId(f"{len(ids):032x}"))
        return ids[-1]

    def raises(_: bytes) -> None:
        raise error

    with pytest.raises(type(error)):
        scripted(repository, ScriptedSource({b"f": Script([b"x"])}, on_entry=raises), new_id=new_id)
    assert failed_reason(repository, ids) == reason


def test_the_lease_is_extended_while_the_source_is_slow() -> None:
    repository = any_repository()
    leases: list[datetime] = []

    def look(_: bytes) -> None:
        repository.clock.sleep(240)
        leases.extend(record.lease_until for record in repository.ledger.active())

    source = ScriptedSource({b"%d" % n: Script([b"x"]) for n in range(6)}, on_entry=look)
    summary = scripted(repository, source, lease=timedelta(minutes=15))
    assert len(set(leases)) > 2
    assert record_of(repository, summary.snapshot).status is Status.COMPLETED


def abandon_all(repository: Repository) -> None:
    for record in repository.ledger.active():
        assert repository.ledger.abandon(record.id, record.lease_until + timedelta(seconds=1))


def test_a_lease_lost_midway_begins_a_new_session() -> None:
    repository = any_repository()
    lost: list[bytes] = []

    def lose_once(name: bytes) -> None:
        if name == b"1" and not lost:
            lost.append(name)
            abandon_all(repository)
            repository.clock.sleep(600)

    source = ScriptedSource({b"%d" % n: Script([b"x%d" % n]) for n in range(3)}, on_entry=lose_once)
    summary = scripted(repository, source)
    assert lost
    assert record_of(repository, summary.snapshot).status is Status.COMPLETED
    assert summary.files == 3


def test_a_lease_lost_at_commit_is_verified_and_committed_anew(tmp_path: Path) -> None:
    repository = any_repository()
    source = ScriptedSource({b"f": Script([b"x"], fingerprint=b"1")})
    source.skipped = [Skipped(b"/s", "a socket", expected=True)]
    opened = source.files[b"f"]
    real = repository.objects.put

    def put(key: str, data: bytes | memoryview) -> bool:
        if key.startswith("snapshots/") and len(list(manifest_ids(repository))) == 0:
            abandon_all(repository)
        return bool(real(key, data))

    repository.objects.put = put  # type: ignore[method-assign]
    summary = scripted(repository, source)

    assert opened.opened == 1
    assert len(list(manifest_ids(repository))) == 2
    assert record_of(repository, summary.snapshot).status is Status.COMPLETED
    assert contents(repository, summary.snapshot, tmp_path / "t") == {"f": b"x"}


def test_a_lease_lost_at_commit_with_chunks_gone_backs_up_again(tmp_path: Path) -> None:
    repository = any_repository()
    source = ScriptedSource({b"f": Script([b"x"], fingerprint=b"1")})
    real_put, real_usable = repository.objects.put, repository.index.usable
    lost: list[str] = []

    def put(key: str, data: bytes | memoryview) -> bool:
        if key.startswith("snapshots/") and not lost:
            lost.append(key)
            abandon_all(repository)
        return bool(real_put(key, data))

    def usable(chunks: Any) -> Any:
        if len(lost) == 1:  # the look-up before the second commit: one is gone
            lost.append("looked up")
            return {}
        return real_usable(chunks)

    repository.objects.put = put  # type: ignore[method-assign]
    repository.index.usable = usable  # type: ignore[method-assign]
    summary = scripted(repository, source)

    assert lost[1:] == ["looked up"]
    assert source.files[b"f"].opened == 2
    assert contents(repository, summary.snapshot, tmp_path / "t") == {"f": b"x"}


def test_a_lease_lost_again_and_again_is_told() -> None:
    repository = any_repository()

    def lose(_: bytes) -> None:
        abandon_all(repository)
        repository.clock.sleep(600)

    with pytest.raises(LeaseLost):
        scripted(repository, ScriptedSource({b"f": Script([b"x"])}, on_entry=lose))


def test_a_parent_forgotten_meanwhile_is_not_used() -> None:
    repository = any_repository()
    source = ScriptedSource({b"f": Script([b"x"], fingerprint=b"1")})
    first = scripted(repository, source)
    real = repository.ledger.begin

    def begin(record: Any) -> None:
        repository.ledger.forget([first.snapshot])
        real(record)

    repository.ledger.begin = begin  # type: ignore[method-assign]
    second = scripted(repository, source)
    assert second.files_unchanged == 0
    assert load_manifest(repository, second.snapshot).parent is None


def test_what_the_parent_refers_to_is_not_looked_up() -> None:
    repository = any_repository()
    scripts = {b"%d" % n: Script([b"%d" % n], fingerprint=b"1") for n in range(9)}
    scripted(repository, ScriptedSource(scripts))
    asked: list[Any] = []
    usable = repository.index.usable
    vars(repository.index)["usable"] = lambda chunks: asked.append(list(chunks)) or usable(chunks)  # type: ignore[func-returns-value]
    assert scripted(repository, ScriptedSource(scripts)).files_unchanged == 9
    assert asked == []
    scripts[b"1"].fingerprint = b"2"
    assert scripted(repository, ScriptedSource(scripts)).files_unchanged == 8
    assert len(asked) > 0


def test_progress_tells_files_and_bytes() -> None:
    seen: list[Progress] = []
    scripted(any_repository(), ScriptedSource({b"a": Script([b"xx"]), b"b": Script([b"yyy"])}), progress=seen.append)
    assert seen[-1] == Progress(2, 5, ROOT + b"/b")


@pytest.mark.parametrize("bad", [{"user": ""}, {"host": "a\nb"}, {"tags": [""]}, {"tags": ["x" * 300]}])
def test_names_that_break_a_line_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="printable"):
        scripted(any_repository(), ScriptedSource({}), **bad)


def test_several_sources_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same name").write_bytes(name.encode())
    repository = any_repository()
    summary = back_up(repository, tmp_path / "a", tmp_path / "b")
    listed = list_below(ChunkReader(repository), load_manifest(repository, summary.snapshot))
    assert [os.fsdecode(one.path) for one in listed] == [
        str(tmp_path / name) for name in ("a", "a/same name", "b", "b/same name")
    ]
