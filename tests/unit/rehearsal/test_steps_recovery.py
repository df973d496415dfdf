from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.rehearsal.steps_backup import Day
from holdfast.rehearsal.steps_recovery import by_user, day_of, digest_tree
from holdfast.rehearsal.steps_upkeep import judge

T0 = datetime(2026, 11, 21, 2, tzinfo=UTC)


def record(user: str, minute: int) -> Record:
    start = T0 + timedelta(minutes=minute)
    return Record(
        id=SnapshotId(f"{user}{minute}"), user=user, host="vault", start=start, lease_until=start, epoch=1,
        status=Status.COMPLETED,
    )  # fmt: skip


def test_only_known_users_are_restored_each_from_the_newest_back() -> None:
    records = [record("ann", 0), record("../../etc", 1), record("ann", 5), record("bob", 2)]
    found = by_user(records, ["ann", "bob", "eve"])
    assert {user: [one.id for one in group] for user, group in found.items()} == {
        "ann": ["ann5", "ann0"],
        "bob": ["bob2"],
        "eve": [],
    }


def test_a_snapshot_is_of_the_last_day_that_had_begun() -> None:
    days = [Day(name=f"day {number}", slot=T0, began=T0 + timedelta(minutes=10 * number)) for number in (1, 2)]
    assert [day_of(record("ann", minute), days).name for minute in (10, 19, 20, 99)] == [
        "day 1",
        "day 1",
        "day 2",
        "day 2",
    ]


def test_what_lies_on_the_disk_is_digested_by_path(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "ü").write_bytes(b"x")
    (tmp_path / "empty").write_bytes(b"")
    assert digest_tree(tmp_path) == {
        "deep/ü": (hashlib.sha256(b"x").hexdigest(), 1),
        "empty": (hashlib.sha256(b"").hexdigest(), 0),
    }
    assert digest_tree(tmp_path / "absent") == {}


def test_forgetting_is_judged_by_exactly_what_was_due() -> None:
    first, second, young = record("ann", 0), record("bob", 0), record("ann", 9)
    every = [first, second, young]
    right = judge(every, due=[first, second], kept=[young])
    assert (right.forgotten, right.kept, right.forgotten_too_young, right.kept_too_old) == (2, 1, 0, 0)
    wrong = judge(every, due=[first, second], kept=[second])
    assert (wrong.forgotten_too_young, wrong.kept_too_old) == (1, 1)
    assert not right.verified
