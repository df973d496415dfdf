"""Rows of the two tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState, Record, Status
from holdfast.backup.stores.aws.rows import (
    DeduplicationRows,
    completed_sort,
    record_item,
    record_of,
    size_class,
    time_of,
    time_text,
)

ROWS = DeduplicationRows("fileHash")

times = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone follows
ids = st.binary(min_size=16, max_size=16).map(lambda data: SnapshotId(data.hex()))
figures = st.dictionaries(
    st.text(min_size=1, max_size=9),
    st.integers(-(2**60), 2**60)
    | st.text(max_size=9)
    | st.floats(-1e30, 1e30).filter(lambda number: number == 0 or abs(number) > 1e-30),
    max_size=4,
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    return Record(
        id=draw(ids),
        user=draw(st.text(min_size=1, max_size=20)),
        host=draw(st.text(min_size=1, max_size=20)),
        start=draw(times),
        lease_until=draw(times),
        epoch=draw(st.integers(1, 2**40)),
        parent=draw(st.none() | ids),
        status=draw(st.sampled_from(Status)),
        finished=draw(st.none() | times),
        figures=draw(figures),
    )


@given(records())
def test_record_and_its_copy_say_the_same(record: Record) -> None:
    assert record_of(record_item(record)) == record
    assert record_of(record_item(record, "list", "sort")) == record


def test_only_the_record_itself_is_found_by_the_indexes() -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    record = Record(id=SnapshotId("0" * 32), user="u", host="h", start=start, lease_until=start, epoch=1)
    assert {"status", "userId"} <= set(record_item(record))
    assert not {"status", "userId"} & set(record_item(record, "list", "sort"))


@given(times, times)
def test_times_sort_as_their_texts(one: datetime, other: datetime) -> None:
    assert (one < other) == (time_text(one) < time_text(other))
    assert time_of(time_text(one)) == one


def test_times_of_other_zones_are_written_in_utc() -> None:
    east = datetime(2026, 11, 21, 2, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(east) == "2026-11-21T00:00:00.000000Z"


def test_no_users_snapshots_are_between_anothers() -> None:
    sorts = sorted(completed_sort(user, start, "i") for user in ("a", "a#1", "b") for start in ("1", "2", "3"))
    assert [sort.split("#")[0] for sort in sorts] == sorted(sort.split("#")[0] for sort in sorts)
    assert len({sort.split("#")[0] for sort in sorts}) == 3


@given(st.integers(0, 2**34))
def test_size_class_is_the_least_power_of_two_that_holds_the_size(size: int) -> None:
    found = size_class(size)
    assert found.bit_count() == 1
    assert found >= size
    assert found == 1 or found // 2 < size


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(0, 2**31))
def test_place_survives_its_row(chunk: bytes, pack: bytes, ordinal: int) -> None:
    place = Place(PackId(pack.hex()), ordinal)
    assert ROWS.place_of(ROWS.chunk_item(ChunkId(chunk), place)) == (ChunkId(chunk), place)


@given(st.sampled_from(PackKind), st.sampled_from(PackState), st.integers(0, 2**40), st.none() | st.integers(1))
def test_pack_survives_its_row(kind: PackKind, state: PackState, size: int, count: int | None) -> None:
    row = PackRow(PackId("ab" * 32), kind, size, SnapshotId("1" * 32), state, chunk_count=count)
    assert ROWS.pack_of(ROWS.pack_item(row)) == row
