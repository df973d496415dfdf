"""What a restore will take, and thawing what it needs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.backup.cold import Temperature, Tier
from holdfast.backup.ids import SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.plan_restore import plan_restore, refuse_cold, thaw, thaw_trees
from holdfast.backup.ports import PackKind
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.errors import InvalidRequest, StoreDenied
from tests.support.chunks import snapshot
from tests.support.clocks import FakeClock
from tests.support.repositories import any_repository, contents_of, noise, objects_of

FILES = {"large": noise(400_000, 1), "small": b"a few bytes"}


class Archive(MemoryObjects):
    """A store whose objects of one class cannot be read until so long after they were asked for."""

    def __init__(self, objects: dict[str, bytes], clock: FakeClock, takes: timedelta = timedelta(hours=4)) -> None:
        super().__init__()
        self.objects = objects
        self.classes: dict[str, str] = {}
        self.asked: dict[str, tuple[Tier, int]] = {}
        self._ready: dict[str, object] = {}
        self._clock, self._takes = clock, takes

    def temperature(self, key: str) -> Temperature:
        name = self.classes.get(key, "STANDARD")
        ready = self._ready.get(key)
        warm = name == "STANDARD" or (ready is not None and self._clock.now() >= ready)  # type: ignore[operator]
        return Temperature(name, warm, ready is not None and not warm)

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        assert key not in self.asked
        self.asked[key] = (tier, days)
        self._ready[key] = self._clock.now() + self._takes

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if not self.temperature(key).readable:
            raise StoreDenied(f"{key} is archived")
        return super().get(key, start, length)


def archived(*kinds: PackKind, storage_class: str = "GLACIER") -> tuple[Repository, Archive, SnapshotId]:
    """A repository whose packs of these kinds are archived."""
    repository = any_repository()
    id_ = snapshot(repository, FILES)
    clock = FakeClock()
    archive = Archive(objects_of(repository), clock)
    for row in repository.index.packs():
        if row.kind in kinds:
            archive.classes[pack_key(row.pack)] = storage_class
    return repository._replace(objects=archive, clock=clock), archive, id_


def test_a_plan_counts_files_bytes_and_packs_where_nothing_is_archived() -> None:
    repository = any_repository()
    id_ = snapshot(repository, FILES)
    plan = plan_restore(repository, id_)
    assert (plan.files, plan.bytes, plan.packs) == (2, 400_011, 1)
    (size,) = (row.size for row in repository.index.packs() if row.kind is PackKind.DATA)
    assert plan.pack_bytes == size
    assert (plan.shares, plan.cold_packs, plan.dollars) == ({}, 0, 0)
    refuse_cold(plan)


def test_a_plan_of_one_file_counts_that_alone() -> None:
    repository = any_repository()
    id_ = snapshot(repository, FILES)
    plan = plan_restore(repository, id_, path=b"/scripted/small")
    assert (plan.files, plan.bytes) == (1, 11)


@pytest.mark.parametrize(
    ("storage_class", "tier", "hours", "per_gb", "per_thousand"),
    [
        ("GLACIER", Tier.STANDARD, 5, 0.01, 0.05),
        ("GLACIER", Tier.BULK, 12, 0.0, 0.0),
        ("DEEP_ARCHIVE", Tier.STANDARD, 12, 0.02, 0.10),
        ("DEEP_ARCHIVE", Tier.BULK, 48, 0.0025, 0.025),
    ],
)
def test_a_plan_tells_hours_and_money_of_archived_packs(
    storage_class: str, tier: Tier, hours: int, per_gb: float, per_thousand: float
) -> None:
    repository, _, id_ = archived(PackKind.DATA, storage_class=storage_class)
    plan = plan_restore(repository, id_, tier=tier, days=30)
    size = plan.pack_bytes
    assert plan.cold_packs == 1
    assert plan.wait == timedelta(hours=hours)
    assert plan.chunks > 0
    read = 5 * 0.0004 / 1000 + plan.chunks * 0.125 / 10**6
    assert plan.dollars == pytest.approx(size / 1e9 * (per_gb + 0.023) + per_thousand / 1000 + read)
    with pytest.raises(InvalidRequest, match="1 of 1 packs are archived: add --thaw"):
        refuse_cold(plan)


def test_thawing_asks_once_and_waits_until_all_can_be_read() -> None:
    repository, archive, id_ = archived(PackKind.DATA)
    before = repository.clock.now()
    plan = plan_restore(repository, id_, tier=Tier.BULK, days=3)
    with pytest.raises(StoreDenied):
        contents_of(repository, id_)
    assert thaw(repository, plan) == 1
    assert list(archive.asked.values()) == [(Tier.BULK, 3)]
    assert timedelta(hours=4) <= repository.clock.now() - before < timedelta(hours=5)
    assert contents_of(repository, id_) == FILES
    assert thaw(repository, plan) == 0


def test_a_thaw_that_was_killed_while_it_waited_goes_on() -> None:
    repository, archive, id_ = archived(PackKind.DATA)
    plan = plan_restore(repository, id_)
    archive.thaw(plan.keys[0], Tier.STANDARD, 7)
    assert thaw(repository, plan) == 1
    assert len(archive.asked) == 1
    assert contents_of(repository, id_) == FILES


def test_archived_trees_are_thawed_before_a_plan_can_be_made() -> None:
    repository, archive, id_ = archived(PackKind.DATA, PackKind.TREE)
    archive.classes[f"snapshots/{id_}"] = "GLACIER"
    with pytest.raises(StoreDenied):
        plan_restore(repository, id_)
    assert thaw_trees(repository, id_, Tier.STANDARD, 7) == 2
    thaw(repository, plan_restore(repository, id_))
    assert contents_of(repository, id_) == FILES
