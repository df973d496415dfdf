"""Who uses what, as numbers kept and as a page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.usage import Addition, Usage
from holdfast.report.measured import LARGEST, POINTS, usage_of
from holdfast.report.usage import usage_page
from tests.support.reports import any_usage, any_use

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def group(number: int) -> Usage:
    size = 1000 * (number + 1)
    return Usage(f"user{number}", 1, 4 * size, 3 * size, 2.0 * size, float(size), size / 2)


def addition(number: int) -> Addition:
    return Addition(SnapshotId(f"{number:032x}"), NOON + timedelta(hours=number), raw=100, distinct=10, stored=5.0)


def test_largest_are_kept_one_by_one_and_the_others_as_one_that_adds_up() -> None:
    groups = [group(number) for number in range(LARGEST + 20)]
    usage = usage_of(groups, group(0), [], by="user")
    assert usage.largest[0].name == f"user{LARGEST + 19}"
    assert usage.rest is not None
    assert usage.rest.name == "20 others"
    assert sum(one.share_bytes for one in (*usage.largest, usage.rest)) == sum(one.share for one in groups)
    assert usage_of(groups[:3], group(0), [], by="user").rest is None


def test_growth_adds_up_and_keeps_its_ends_however_many_snapshots() -> None:
    growth = usage_of([], group(0), [addition(number) for number in range(10_000)], by="user").growth
    assert len(growth) <= POINTS + 1
    assert (growth[0].seconds, growth[0].raw_bytes) == (0.0, 100)
    assert (growth[-1].snapshots, growth[-1].raw_bytes, growth[-1].stored_bytes) == (10_000, 1_000_000, 50_000)


def shown(**changes: object) -> str:
    return usage_page(any_usage(**changes), repository="/srv/repo", time="2026-11-21", holdfast="1")


def test_page_says_in_words_what_it_draws() -> None:
    page = shown()
    assert "2,000 snapshots of 1,000 users at 2026-11-21." in page
    assert "398 MB were repetition and are stored once. With compression 4.1x less" in page
    assert re.search(r'aria-label="Stored bytes of each user\. user-0000 3 MB; .*992 others \d+ kB each"', page)
    assert '<th scope="row">user-0011</th>' in page  # too small for a bar of its own, not for the table


def test_page_claims_no_saving_where_file_lists_outweigh_it() -> None:
    page = shown(total=any_use("all", 120, raw_bytes=100, distinct_bytes=130, stored_bytes=120))
    assert "Less is repeated than the file lists take." in page
    assert "less than the snapshots whole" not in page


@pytest.mark.parametrize(
    ("span", "unit"), [(3.0, "s"), (600.0, "minutes"), (90_000.0, "hours"), (40 * 86_400.0, "days")]
)
def test_growth_is_drawn_in_a_unit_that_fits(span: float, unit: str) -> None:
    first, *_, last = any_usage().growth
    moved = type(last)(**{**vars(last), "seconds": span})
    assert re.search(rf">[\d,.]+ {unit}</text>", shown(growth=[first, moved]))


def test_a_repository_with_one_snapshot_or_none_has_a_page_without_growth() -> None:
    nothing = any_use("all", 0, snapshots=0)
    empty = shown(groups=0, largest=[], rest=None, total=nothing, growth=[])
    assert "There is no snapshot." not in empty.split("<main>")[0]
    for page in (empty, shown(growth=any_usage().growth[:1])):
        assert "Growth" not in page
        assert "What deduplication saved" in page
