"""Who uses what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from random import Random

import pytest

from holdfast.backup import usage
from holdfast.backup.ids import ChunkId
from holdfast.backup.manifest import Manifest
from holdfast.backup.pack import pack_key, read_footer
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import references
from holdfast.backup.usage import UsageReport, measure_usage
from holdfast.errors import IntegrityError
from tests.support.backups import back_up
from tests.support.chunks import forget, snapshot
from tests.support.repositories import any_repository, manifests_of, noise

SHARED, ANNS, BOBS = noise(100_000, 1), noise(50_000, 2), noise(70_000, 3)


def by_user(repository: Repository) -> UsageReport:
    return measure_usage(repository, manifests_of(repository), lambda manifest: manifest.user)


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


def test_a_pack_that_was_pruned_meanwhile_counts_nothing_and_one_that_is_lost_is_damage() -> None:
    repository = any_repository()
    first = snapshot(repository, {"own": ANNS})
    kept = by_user(repository).total
    second = snapshot(repository, {"own": BOBS})
    manifests = manifests_of(repository)

    def meanwhile(_: str) -> None:
        forget(repository, [second])
        prune(repository, owner="test")

    manifests = [one for one in manifests if one.id == first]
    report = measure_usage(repository, manifests, lambda manifest: manifest.user, progress=meanwhile)
    assert report.total == kept
    for row in repository.index.packs():
        repository.objects.delete(pack_key(row.pack))
    with pytest.raises(IntegrityError, match="is missing; run `holdfast verify`"):
        measure_usage(repository, manifests, lambda manifest: manifest.user)


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


def counted_one_by_one(repository: Repository, group_of: Callable[[Manifest], str]) -> dict[str, list[float]]:
    """Return what each group and each snapshot must be told, from one walk through every snapshot by itself."""
    costs = {
        chunk: (length, block.stored_bytes * length / block.raw_bytes)
        for row in repository.index.packs()
        for block in read_footer(repository.objects, repository.keyring, row.pack).blocks
        for chunk, length in block.chunks
    }
    manifests = sorted(manifests_of(repository), key=lambda manifest: (manifest.time, manifest.id))
    reader, first = ChunkReader(repository), dict[ChunkId, str]()
    held: dict[ChunkId, set[str]] = defaultdict(set)
    for manifest in manifests:
        for chunk in references(reader, manifest.roots, set()):
            held[chunk].add(group_of(manifest))
            first.setdefault(chunk, manifest.id)
    told: dict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
    for chunk, groups in held.items():
        length, stored = costs[chunk]
        for group in groups:
            own = stored if len(groups) == 1 else 0
            told[group] = [a + b for a, b in zip(told[group], (length, stored, stored / len(groups), own), strict=True)]
        added = told["added by " + first[chunk]]
        told["added by " + first[chunk]] = [added[0] + length, added[1] + stored]
    return told


@pytest.mark.parametrize("by", ["user", "host", "id"])
@pytest.mark.parametrize("together", [1, 2, 3, 64])
def test_snapshots_walked_together_are_told_what_each_would_be_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int, by: str
) -> None:
    monkeypatch.setattr(usage, "WALKED_TOGETHER", together)
    monkeypatch.setattr(usage, "MOST_SUMS", 2 * together)
    repository, dice = any_repository(), Random(together)
    for _ in range(12):
        for _ in range(3):
            path = tmp_path / f"d{dice.randrange(2)}" / f"e{dice.randrange(2)}" / f"{dice.randrange(3)}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise(1000, dice.randrange(6)))
        back_up(repository, tmp_path, user=dice.choice("abc"), host=dice.choice("xy"))
    group_of: Callable[[Manifest], str] = attrgetter(by)
    report = measure_usage(repository, manifests_of(repository), group_of)
    told = counted_one_by_one(repository, group_of)
    for one in report.groups:
        assert [one.distinct, one.stored, one.share, one.own] == pytest.approx(told[one.name])
    for added in report.additions:
        assert [added.distinct, added.stored] == pytest.approx(told["added by " + added.snapshot][:2])


def test_a_folder_that_snapshots_share_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, asked = any_repository(), Counter[ChunkId]()
    (tmp_path / "same" / "below").mkdir(parents=True)
    (tmp_path / "same" / "below" / "file").write_bytes(SHARED)
    for number in range(8):
        (tmp_path / "other").write_bytes(noise(1000, number))
        back_up(repository, tmp_path)
    honest = ChunkReader.fetch

    def counting(self: ChunkReader, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        asked.update(chunks)
        return honest(self, chunks)

    monkeypatch.setattr(ChunkReader, "fetch", counting)
    measure_usage(repository, manifests_of(repository), attrgetter("id"))
    assert len(asked) == 18, "two changed folders of each snapshot, and two that never changed"
    assert set(asked.values()) == {1}
