"""Which snapshots stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.retention import Retention, plan_forget
from holdfast.errors import InvalidRequest

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def record(number: int, age: timedelta, user: str = "ann", **fields: Any) -> Record:
    start = NOW - age
    known: dict[str, Any] = {"host": "desk", "lease_until": start, "epoch": 1, "status": Status.COMPLETED}
    return Record(id=SnapshotId(f"{number:032x}"), user=user, start=start, **{**known, **fields})


def every(step: timedelta, count: int, **fields: Any) -> list[Record]:
    return [record(number, number * step, **fields) for number in range(count)]


def kept(records: list[Record], **rules: Any) -> list[int]:
    plan = plan_forget(records, Retention(**rules), now=NOW)
    return [int(one.record.id, 16) for one in plan.keep]


def test_daily_keeps_the_newest_of_each_of_the_last_days_that_have_one() -> None:
    records = every(timedelta(hours=6), 20)  # 12:00, 06:00, 00:00 of today, then four a day
    assert kept(records, daily=3) == [0, 3, 7]


def test_days_without_a_snapshot_do_not_count() -> None:
    assert kept([record(0, 0 * DAY), record(1, 50 * DAY), record(2, 90 * DAY)], daily=2) == [0, 1]


def test_last_keeps_the_newest_ones() -> None:
    assert kept(every(DAY, 10), last=3) == [0, 1, 2]


def test_weeks_are_iso_weeks() -> None:
    assert kept(every(DAY, 20), weekly=3) == [0, 6, 13]  # Saturday, then the Sundays before


@pytest.mark.parametrize(
    ("rule", "expected"), [("hourly", [0, 1, 2]), ("monthly", [0, 21, 52]), ("yearly", [0, 325, 690])]
)
def test_each_period_keeps_its_newest(rule: str, expected: list[int]) -> None:
    assert kept(every(DAY, 800), **{rule: 3}) == expected


def test_within_keeps_what_is_younger() -> None:
    assert kept(every(DAY, 100), within=60 * DAY) == list(range(60))


def test_within_may_reach_before_the_first_year() -> None:
    assert kept(every(DAY, 3), within=1_000_000 * DAY) == [0, 1, 2]


def test_within_never_forgets_the_newest() -> None:
    assert kept([record(0, 400 * DAY), record(1, 500 * DAY)], within=60 * DAY) == [0]


def test_rules_add_up_and_are_told() -> None:
    plan = plan_forget(every(DAY, 40), Retention(last=1, daily=2, monthly=2), now=NOW)
    assert [(int(one.record.id, 16), one.reasons) for one in plan.keep] == [
        (0, ("last", "daily", "monthly")),
        (1, ("daily",)),
        (21, ("monthly",)),
    ]
    assert len(plan.forget) == 37


def test_users_and_hosts_do_not_count_for_each_other() -> None:
    records = [record(0, 0 * DAY), record(1, DAY, "bob"), record(2, 2 * DAY, "bob", host="lap"), record(3, 3 * DAY)]
    assert sorted(kept(records, last=1)) == [0, 1, 2]


def test_sources_do_not_count_for_each_other() -> None:
    """One who backs up /etc and then /home each night keeps both."""
    hour = timedelta(hours=1)
    homes = [record(2 * night, night * DAY, figures={"sources": "home"}) for night in range(3)]
    etcs = [record(2 * night + 1, night * DAY + hour, figures={"sources": "etc"}) for night in range(3)]
    records = [*homes, *etcs]
    assert sorted(kept(records, last=1)) == [0, 1]
    assert sorted(kept(records, daily=2)) == [0, 1, 2, 3]
    assert sorted(kept(records, within=hour / 2)) == [0, 1]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
def test_only_completed_records_are_looked_at(status: Status) -> None:
    plan = plan_forget([record(0, DAY, status=status), record(1, 2 * DAY)], Retention(last=1), now=NOW)
    assert [one.record.id for one in plan.keep] == [SnapshotId(f"{1:032x}")]
    assert plan.forget == ()


@pytest.mark.parametrize("rules", [{}, {"daily": 0}, {"daily": -1}, {"last": -5, "daily": 3}, {"within": 0 * DAY}])
def test_rules_that_would_forget_all_or_mean_nothing_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        Retention(**rules)


ages = st.lists(st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)), max_size=60)
retentions = st.fixed_dictionaries({rule: st.integers(0, 5) for rule in RULES}).filter(
    lambda rules: any(rules.values())
)


@given(ages=ages, rules=retentions, users=st.integers(1, 3))
def test_a_plan_decides_once_for_each_and_keeps_the_newest(
    ages: list[timedelta], rules: dict[str, Any], users: int
) -> None:
    records = [record(number, age, str(number % users)) for number, age in enumerate(ages)]
    plan = plan_forget(records, Retention(**rules), now=NOW)
    decided = [one.record.id for one in plan.keep] + [one.id for one in plan.forget]
    assert sorted(decided) == sorted(one.id for one in records)
    assert all(one.reasons for one in plan.keep)
    for user in {one.user for one in records}:
        newest = max((one.start, one.id) for one in records if one.user == user)[1]
        assert newest in {one.record.id for one in plan.keep}


@given(ages=ages, rules=retentions)
def test_forgetting_twice_forgets_no_more(ages: list[timedelta], rules: dict[str, Any]) -> None:
    records = [record(number, age) for number, age in enumerate(ages)]
    left = [one.record for one in plan_forget(records, Retention(**rules), now=NOW).keep]
    assert plan_forget(left, Retention(**rules), now=NOW).forget == ()


@given(ages=ages, rules=retentions, rule=st.sampled_from(RULES))
def test_a_greater_number_keeps_no_less(ages: list[timedelta], rules: dict[str, Any], rule: str) -> None:
    records = [record(number, age) for number, age in enumerate(ages)]
    few = set(kept(records, **rules))
    assert few <= set(kept(records, **{**rules, rule: rules[rule] + 1}))
