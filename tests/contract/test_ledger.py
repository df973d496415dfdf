"""What every ledger promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.errors import Conflict, LeaseLost
from tests.contract.adapters import Stores

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def id_of(number: int) -> SnapshotId:
    return SnapshotId(f"{number:032x}")


def record(number: int, **fields: Any) -> Record:
    known: dict[str, Any] = {
        "user": "ann",
        "host": "desk",
        "start": NOON,
        "lease_until": NOON + 15 * MINUTE,
        "epoch": 1,
    }
    return Record(id=id_of(number), **{**known, **fields})


def completed(stores: Stores, number: int, **fields: Any) -> SnapshotId:
    stores.ledger.begin(record(number, **fields))
    stores.ledger.finish(id_of(number), Status.COMPLETED, NOON, {})
    return id_of(number)


def status(stores: Stores, number: int) -> Status:
    return stores.ledger.get([id_of(number)])[id_of(number)].status


def test_the_epoch_starts_at_one_and_only_grows(stores: Stores) -> None:
    assert stores.ledger.epoch() == 1
    assert stores.ledger.advance_epoch() == 2
    assert stores.reopen().ledger.epoch() == 2


def test_every_advance_of_the_epoch_counts(stores: Stores) -> None:
    with ThreadPoolExecutor(4) as pool:
        reached = sorted(pool.map(lambda _: stores.reopen().ledger.advance_epoch(), range(12)))
    assert reached == list(range(2, 14))


def test_a_record_is_given_back_as_it_was_written(stores: Stores) -> None:
    written = record(1, user="Zoë 🗄", host="h" * 200, epoch=7, parent=id_of(9))
    stores.ledger.begin(written)
    assert stores.reopen().ledger.get([id_of(1), id_of(2)]) == {id_of(1): written}
    assert stores.ledger.active() == [written]
    assert stores.ledger.get([]) == {}


def test_begin_refuses_an_id_that_exists(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    with pytest.raises(Conflict):
        stores.ledger.begin(record(1, user="other"))
    assert stores.ledger.get([id_of(1)])[id_of(1)].user == "ann"


def test_finish_ends_a_session_with_its_figures(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    figures: dict[str, int | float | str] = {"files": 12, "seconds": 1.5, "sources": "abc"}
    stores.ledger.finish(id_of(1), Status.COMPLETED, NOON + MINUTE, figures)
    (found,) = stores.ledger.completed()
    assert (found.status, found.finished, dict(found.figures)) == (Status.COMPLETED, NOON + MINUTE, figures)
    assert stores.ledger.active() == []


def test_a_finish_that_stands_may_be_repeated_but_not_changed(stores: Stores) -> None:
    completed(stores, 1)
    stores.ledger.finish(id_of(1), Status.COMPLETED, NOON, {})
    with pytest.raises(LeaseLost):
        stores.ledger.finish(id_of(1), Status.FAILED, NOON, {})
    assert status(stores, 1) is Status.COMPLETED


def test_heartbeat_extends_the_lease(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    stores.ledger.heartbeat(id_of(1), NOON + 60 * MINUTE)
    assert stores.ledger.active()[0].lease_until == NOON + 60 * MINUTE
    assert stores.ledger.abandon(id_of(1), NOON + 59 * MINUTE) is False


def test_heartbeat_writes_figures_where_they_are_given_and_whoever_fences_keeps_them(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    stores.ledger.heartbeat(id_of(1), NOON + 20 * MINUTE, {"roots": "ab", "noted": 7})
    stores.ledger.heartbeat(id_of(1), NOON + 60 * MINUTE)
    for found in (stores.ledger.active(), stores.reopen().ledger.get([id_of(1)]).values()):
        ((lease_until, figures),) = [(one.lease_until, dict(one.figures)) for one in found]
        assert (lease_until, figures) == (NOON + 60 * MINUTE, {"roots": "ab", "noted": 7})
    assert stores.reopen().ledger.abandon(id_of(1), NOON + 61 * MINUTE)
    assert [dict(one.figures) for one in stores.ledger.ended()] == [{"roots": "ab", "noted": 7}]
    with pytest.raises(LeaseLost):
        stores.ledger.heartbeat(id_of(1), NOON + 90 * MINUTE, {"roots": "cd"})
    assert [dict(one.figures) for one in stores.ledger.ended()] == [{"roots": "ab", "noted": 7}]


def test_abandon_fences_only_a_session_whose_lease_ended(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    assert stores.ledger.abandon(id_of(1), NOON + 14 * MINUTE) is False
    assert stores.ledger.abandon(id_of(1), NOON + 16 * MINUTE) is True
    assert stores.ledger.abandon(id_of(1), NOON + 17 * MINUTE) is False
    assert stores.ledger.abandon(id_of(2), NOON + 17 * MINUTE) is False
    assert status(stores, 1) is Status.ABANDONED


def test_a_fenced_session_can_neither_go_on_nor_commit(stores: Stores) -> None:
    stores.ledger.begin(record(1))
    stores.ledger.abandon(id_of(1), NOON + 16 * MINUTE)
    with pytest.raises(LeaseLost):
        stores.ledger.heartbeat(id_of(1), NOON + 60 * MINUTE)
    with pytest.raises(LeaseLost):
        stores.ledger.finish(id_of(1), Status.COMPLETED, NOON, {})
    with pytest.raises(LeaseLost):
        stores.ledger.finish(id_of(2), Status.COMPLETED, NOON, {})
    assert stores.ledger.completed() == []


def test_a_session_is_either_fenced_or_committed(stores: Stores) -> None:
    for number in range(6):
        stores.ledger.begin(record(number))

    def commit(number: int) -> bool:
        try:
            stores.reopen().ledger.finish(id_of(number), Status.COMPLETED, NOON, {})
        except LeaseLost:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        commits = [pool.submit(commit, number) for number in range(6)]
        fences = [pool.submit(stores.reopen().ledger.abandon, id_of(n), NOON + 16 * MINUTE) for n in range(6)]
    assert [one.result() for one in commits] == [not one.result() for one in fences]


def test_completed_records_come_newest_first_by_user(stores: Stores) -> None:
    for number, (user, minute) in enumerate([("ann", 5), ("bob", 9), ("ann", 1), ("ann", 5)]):
        completed(stores, number, user=user, start=NOON + minute * MINUTE)
    stores.ledger.begin(record(9))
    assert [found.id for found in stores.ledger.completed()] == [id_of(n) for n in (1, 3, 0, 2)]
    assert [found.id for found in stores.ledger.completed("ann")] == [id_of(n) for n in (3, 0, 2)]
    assert stores.ledger.completed("nobody") == []


def test_forget_takes_completed_records_alone(stores: Stores) -> None:
    completed(stores, 1)
    stores.ledger.begin(record(2))
    stores.ledger.forget([id_of(1), id_of(2), id_of(3)])
    stores.ledger.forget([id_of(1)])
    assert (status(stores, 1), status(stores, 2)) == (Status.FORGOTTEN, Status.RUNNING)
    assert stores.ledger.completed() == []


def test_ended_lists_what_prune_has_still_to_clear(stores: Stores) -> None:
    stores.ledger.forget([completed(stores, 1)])
    for number in (2, 3, 4):
        stores.ledger.begin(record(number))
    stores.ledger.finish(id_of(2), Status.FAILED, NOON, {"reason": "deadline"})
    stores.ledger.abandon(id_of(3), NOON + 16 * MINUTE)
    completed(stores, 5)
    assert {found.id: found.status for found in stores.ledger.ended()} == {
        id_of(1): Status.FORGOTTEN,
        id_of(2): Status.FAILED,
        id_of(3): Status.ABANDONED,
    }
    stores.ledger.retire([id_of(1), id_of(3), id_of(4), id_of(5)], datetime(2100, 1, 1, tzinfo=UTC))
    assert [found.id for found in stores.ledger.ended()] == [id_of(2)]
    assert (status(stores, 4), status(stores, 5)) == (Status.RUNNING, Status.COMPLETED)


def test_import_writes_a_record_as_it_is_unless_the_id_is_there(stores: Stores) -> None:
    imported = record(1, status=Status.COMPLETED, finished=NOON, figures={"files": 3})
    stores.ledger.import_record(imported)
    stores.ledger.import_record(record(1, user="other"))
    assert stores.ledger.completed() == [imported]


def test_a_lock_has_one_owner_until_it_ends_or_is_given_back(stores: Stores) -> None:
    stores.ledger.lock("prune", "a", NOON + MINUTE, NOON)
    stores.ledger.lock("prune", "a", NOON + 5 * MINUTE, NOON + MINUTE)
    with pytest.raises(Conflict):
        stores.reopen().ledger.lock("prune", "b", NOON + 9 * MINUTE, NOON + 4 * MINUTE)
    stores.ledger.lock("other", "b", NOON + MINUTE, NOON)
    stores.ledger.lock("prune", "b", NOON + 9 * MINUTE, NOON + 6 * MINUTE)
    stores.ledger.unlock("prune", "a")
    with pytest.raises(Conflict):
        stores.ledger.lock("prune", "a", NOON + 9 * MINUTE, NOON + 7 * MINUTE)
    stores.ledger.unlock("prune", "b")
    stores.ledger.lock("prune", "a", NOON + 9 * MINUTE, NOON + 7 * MINUTE)


def test_of_many_takers_of_a_lock_one_gets_it(stores: Stores) -> None:
    def take(owner: str) -> bool:
        try:
            stores.reopen().ledger.lock("prune", owner, NOON + MINUTE, NOON)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, "abcdefgh")) == 1


def test_what_one_host_of_a_user_completed_comes_newest_first_and_whole(stores: Stores) -> None:
    for number in range(40):
        completed(stores, number, start=NOON + number * MINUTE, host=("desk", "lap")[number % 2])
    completed(stores, 50, user="bob")
    stores.ledger.forget([id_of(38)])
    found = [one.id for one in stores.ledger.completed_by("ann", "desk")]
    assert found == [id_of(number) for number in range(36, -1, -2)]
    assert list(stores.ledger.completed_by("ann", "phone")) == []
