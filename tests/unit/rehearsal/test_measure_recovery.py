from __future__ import annotations

from holdfast.rehearsal.measure_recovery import Ledger, Restored, Version, compare, exposure

OLD = Version("a" * 64, 1, put_at=100.0)
NEW = Version("b" * 64, 2, put_at=200.0)


def restored(user: str, snapshot: str, **files: Version) -> Restored:
    return Restored(
        user=user, snapshot=snapshot, files={path: (file.sha256, file.size) for path, file in files.items()}
    )


def two_days() -> Ledger:
    ledger = Ledger()
    ledger.expect("day 1", {"ann": {"f": OLD, "g": OLD}, "bob": {"f": OLD}})
    ledger.acknowledge(snapshot="a1", user="ann", day="day 1", at=110.0)
    ledger.acknowledge(snapshot="b1", user="bob", day="day 1", at=120.0)
    ledger.expect("day 2", {"ann": {"f": NEW, "g": OLD}, "bob": {"f": NEW}})
    ledger.acknowledge(snapshot="a2", user="ann", day="day 2", at=210.0)
    return ledger


SOURCE = {"ann": {"f": NEW, "g": OLD}, "bob": {"f": NEW}}


def test_newest_acknowledgement_is_the_last_before_the_loss() -> None:
    ledger = two_days()
    assert {user: entry.snapshot for user, entry in ledger.newest_before(209.9).items()} == {"ann": "a1", "bob": "b1"}
    assert {user: entry.snapshot for user, entry in ledger.newest_before(210.0).items()} == {"ann": "a2", "bob": "b1"}


def test_comparison_names_what_is_missing_different_and_unexpected() -> None:
    entry = two_days().acknowledged["a2"]
    assert compare(entry, restored("ann", "a2", f=NEW, g=OLD)) == []
    found = compare(entry, restored("ann", "a2", f=OLD, h=OLD))
    assert [(one.path, one.what) for one in found] == [("f", "different"), ("g", "missing"), ("h", "unexpected")]


def test_same_digest_with_another_size_is_different() -> None:
    entry = two_days().acknowledged["b1"]
    assert compare(entry, restored("bob", "b1", f=Version(OLD.sha256, 9, 0.0)))[0].what == "different"


def test_everything_back_costs_nothing() -> None:
    ledger = two_days()
    back = [restored("ann", "a2", f=NEW, g=OLD), restored("bob", "b2", f=NEW)]
    cost = exposure(source=SOURCE, promised=ledger.newest_before(220.0), restored=back, lost_at=220.0)
    assert (cost.lost_acknowledged, cost.lost_unacknowledged, cost.window_seconds) == ([], [], 0.0)


def test_acknowledged_and_unacknowledged_losses_are_told_apart_with_their_ages() -> None:
    ledger = two_days()
    back = [restored("ann", "a1", f=OLD, g=OLD), restored("bob", "b1", f=OLD)]
    cost = exposure(source=SOURCE, promised=ledger.newest_before(220.0), restored=back, lost_at=220.0)
    assert [(one.user, one.path, one.age) for one in cost.lost_acknowledged] == [("ann", "f", 10.0)]
    assert [(one.user, one.path, one.age) for one in cost.lost_unacknowledged] == [("bob", "f", 20.0)]
    assert (cost.users_behind, cost.window_seconds, cost.oldest_acknowledged_seconds) == (1, 20.0, 10.0)


def test_a_user_the_replica_does_not_have_lost_everything() -> None:
    ledger = two_days()
    cost = exposure(source=SOURCE, promised=ledger.newest_before(220.0), restored=[], lost_at=220.0)
    assert [(one.user, one.path) for one in cost.lost_acknowledged] == [("ann", "f"), ("ann", "g")]
    assert cost.window_seconds == 120.0
    assert cost.users_behind == 2
