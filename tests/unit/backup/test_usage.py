"""Who uses what."""

from __future__ import annotations

import pytest

from holdfast.backup.manifest import list_manifests
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.usage import UsageReport, measure_usage
from tests.support.chunks import forget, snapshot
from tests.support.repositories import any_repository, noise

SHARED, ANNS, BOBS = noise(100_000, 1), noise(50_000, 2), noise(70_000, 3)


def by_user(repository: Repository) -> UsageReport:
    return measure_usage(repository, list_manifests(repository), lambda manifest: manifest.user)


def test_each_user_is_told_what_they_use_and_what_nobody_else_does() -> None:
    repository = any_repository()
    snapshot(repository, {"shared": SHARED, "own": ANNS})
    snapshot(repository, {"shared": SHARED, "own": ANNS})
    snapshot(repository, {"shared": SHARED, "own": BOBS}, user="bob")
    report = by_user(repository)
    bob, ann = report.groups
    assert (ann.name, ann.snapshots, ann.raw) == ("ann", 2, 300_000)
    assert (bob.name, bob.snapshots, bob.raw) == ("bob", 1, 170_000)
    for one, alone in ((ann, len(ANNS)), (bob, len(BOBS))):
        assert one.distinct == pytest.approx(len(SHARED) + alone, abs=2000)  # and its nodes
        assert one.stored == pytest.approx(one.distinct, rel=0.02)
        assert one.own == pytest.approx(alone, rel=0.05)
    assert report.total.raw == 470_000
    assert report.total.distinct == pytest.approx(220_000, abs=4000)
    assert report.total.stored <= ann.stored + bob.stored


def test_own_is_what_forgetting_frees() -> None:
    repository = any_repository()
    first = snapshot(repository, {"shared": SHARED, "own": ANNS})
    snapshot(repository, {"shared": SHARED, "own": BOBS}, user="bob")
    own = {one.name: one.own for one in by_user(repository).groups}
    before = by_user(repository).total.stored
    forget(repository, [first])
    prune(repository, owner="test")
    assert before - by_user(repository).total.stored == pytest.approx(own["ann"], abs=1)


def test_groups_come_largest_first_and_an_empty_repository_has_none() -> None:
    repository = any_repository()
    assert by_user(repository).groups == ()
    for number, user in enumerate(("small", "large", "medium")):
        snapshot(repository, {"own": noise((10_000, 90_000, 40_000)[number], number)}, user=user)
    assert [one.name for one in by_user(repository).groups] == ["large", "medium", "small"]


def test_shares_add_up_to_what_is_stored_and_halve_what_two_use() -> None:
    repository = any_repository()
    snapshot(repository, {"shared": SHARED, "own": ANNS})
    snapshot(repository, {"shared": SHARED, "own": BOBS}, user="bob")
    report = by_user(repository)
    bob, ann = report.groups
    assert bob.share + ann.share == pytest.approx(report.total.stored)
    assert ann.share - ann.own == pytest.approx(len(SHARED) / 2, rel=0.02)
    assert ann.share - ann.own == pytest.approx(bob.share - bob.own)


def test_each_snapshot_adds_what_no_earlier_one_held() -> None:
    repository = any_repository()
    made = [
        snapshot(repository, {"shared": SHARED, "own": BOBS}, user="bob"),
        snapshot(repository, {"shared": SHARED, "own": ANNS}),
        snapshot(repository, {"shared": SHARED, "own": ANNS}),
    ]
    report = by_user(repository)
    assert [one.snapshot for one in report.additions] == made
    assert [one.raw for one in report.additions] == [170_000, 150_000, 150_000]
    assert [one.distinct for one in report.additions] == pytest.approx([170_000, 50_000, 0], abs=2000)
    assert sum(one.stored for one in report.additions) == pytest.approx(report.total.stored)
