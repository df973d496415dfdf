"""Proving that what is stored is what was written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.prune import PruneReport, prune
from holdfast.backup.repository import Repository
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.verify import _Verification, verify
from holdfast.backup.verify_packs import LooksApart
from holdfast.errors import InvalidRequest
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def bytes_of(repository: Repository) -> dict[str, bytes]:
    assert isinstance(repository.objects, MemoryObjects)
    return repository.objects.objects


def two_users() -> tuple[Repository, SnapshotId, SnapshotId]:
    """Two users with a file of their own and one in common."""
    repository = any_repository()
    first = snapshot(repository, {"own": noise(50_000, 1), "both": noise(50_000, 3)})
    second = snapshot(repository, {"own": noise(50_000, 2), "both": noise(50_000, 3)}, user="bob")
    return repository, first, second


def data_packs(repository: Repository) -> list[str]:
    """The keys of the data packs: the first holds what both share and the first's own."""
    rows = [row for row in repository.index.packs() if row.kind is PackKind.DATA]
    return [pack_key(row.pack) for row in rows]


def flip(repository: Repository, key: str, at: int) -> None:
    data = bytearray(bytes_of(repository)[key])
    data[at] ^= 0x40
    bytes_of(repository)[key] = bytes(data)


def test_a_whole_repository_is_ok_and_counted() -> None:
    repository, _, _ = two_users()
    report = verify(repository, read_data=True)
    assert report.ok
    assert (report.snapshots, report.packs) == (2, 4)
    assert report.chunks == 3 + 4
    assert report.bytes_read == sum(len(data) for key, data in bytes_of(repository).items() if "packs/" in key)
    assert verify(repository).bytes_read == 0
    assert verify(any_repository(), read_data=True).ok


def test_a_damaged_block_is_found_by_reading_and_blamed_on_its_files() -> None:
    repository, first, second = two_users()
    mine, other = data_packs(repository)
    flip(repository, other, 100)
    assert verify(repository).ok  # structure alone reads no data
    (damage,) = verify(repository, read_data=True).damage
    assert damage.object == other
    assert (damage.snapshots, damage.files) == ([second], ["scripted/own"])
    flip(repository, other, 100)
    flip(repository, mine, 100)  # the block of what both have, stored first by name
    (damage,) = verify(repository, read_data=True).damage
    assert set(damage.snapshots) == {first, second}
    assert damage.files == ["scripted/both"]


def test_damage_is_told_without_the_advice_to_verify() -> None:
    repository, first, _ = two_users()
    del bytes_of(repository)[f"snapshots/{first}"]
    for key in data_packs(repository):
        flip(repository, key, 100)
    told = [damage.what for damage in verify(repository, read_data=True).damage]
    assert len(told) == 3
    assert not [what for what in told if "holdfast verify" in what]


def test_a_missing_pack_is_found_by_structure_alone() -> None:
    repository, first, second = two_users()
    mine, _ = data_packs(repository)
    del bytes_of(repository)[mine]
    (damage,) = verify(repository).damage
    assert damage.object == mine
    assert set(damage.snapshots) == {first, second}
    assert set(damage.files) == {"scripted/own", "scripted/both"}


@pytest.mark.parametrize("left", [0, 5, 60, -1, -30])
def test_a_truncated_pack_is_found_by_structure_alone(left: int) -> None:
    repository, _, second = two_users()
    _, other = data_packs(repository)
    bytes_of(repository)[other] = bytes_of(repository)[other][:left]
    (damage,) = verify(repository).damage
    assert (damage.object, damage.snapshots, damage.files) == (other, [second], ["scripted/own"])


def test_a_pack_exchanged_for_another_valid_one_is_found_by_reading() -> None:
    repository, _, _ = two_users()
    mine, other = data_packs(repository)
    bytes_of(repository)[other] = bytes_of(repository)[mine]
    assert {damage.object.rsplit("/", 1)[1] for damage in verify(repository, read_data=True).damage} >= {
        other.rsplit("/", 1)[1]
    }


def test_a_damaged_tree_is_found_and_blamed_on_its_snapshot() -> None:
    repository, first, second = two_users()
    trees = [pack_key(row.pack) for row in repository.index.packs() if row.kind is PackKind.TREE]
    flip(repository, trees[0], 60)
    report = verify(repository)
    assert not report.ok
    assert {id_ for damage in report.damage for id_ in damage.snapshots} == {first}
    assert second not in {id_ for damage in report.damage for id_ in damage.snapshots}


def test_a_damaged_list_hides_no_other_damage_and_is_named_with_its_folder(tmp_path: Path) -> None:
    repository = any_repository()
    for name in ("lost", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(noise(90_000, len(name)))

    def back_up(folder: Path) -> SnapshotId:
        source = DirectorySource([os.fsencode(folder)], now_ns=lambda: time.time_ns() + 10**9)  # nothing is fresh
        return create_snapshot(repository, source, user=folder.name, host="h").snapshot

    first = back_up(tmp_path / "lost")
    (data,) = data_packs(repository)
    (tree,) = {pack_key(row.pack) for row in repository.index.packs()} - {data}
    second = back_up(tmp_path)  # its own nodes, and those of the first
    for key in (tree, *data_packs(repository)):
        flip(repository, key, 60)
    root = tmp_path.name
    found = {damage.object: damage for damage in verify(repository, read_data=True).damage}
    assert set(found[tree].snapshots) == {first, second}
    assert found[tree].files == [f"{root}/lost/"]  # of the first the root is lost too
    (other,) = set(data_packs(repository)) - {data}
    assert (found[other].snapshots, found[other].files) == ([second], [f"{root}/other/file"])


def test_all_that_tells_of_one_damage_names_its_snapshot() -> None:
    repository, first, second = two_users()
    tree = next(pack_key(row.pack) for row in repository.index.packs() if row.kind is PackKind.TREE)
    flip(repository, tree, 60)
    damage = verify(repository, read_data=True).damage
    assert {one.object.split()[0] for one in damage} == {"tree", tree}
    assert len({tuple(one.snapshots) for one in damage}) == 1
    assert damage[0].snapshots in ([first], [second])


@pytest.mark.parametrize("change", ["damage", "remove"])
def test_a_damaged_or_missing_manifest_is_named(change: str) -> None:
    repository, first, _ = two_users()
    key = f"snapshots/{first}"
    if change == "damage":
        flip(repository, key, 50)
    else:
        del bytes_of(repository)[key]
    (damage,) = verify(repository).damage
    assert (damage.object, damage.snapshots) == (key, [first])


def test_an_index_row_that_is_missing_or_wrong_is_found_by_structure_alone() -> None:
    repository, _first, second = two_users()
    catalogue = repository.index
    assert isinstance(catalogue, MemoryCatalogue)
    (own,) = [chunk for chunk, place in catalogue._chunks.items() if pack_key(place.pack) == data_packs(repository)[1]]
    place = catalogue._chunks.pop(own)
    (damage,) = verify(repository).damage
    assert own.hex() in damage.object
    assert damage.snapshots == [second]
    catalogue._chunks[own] = type(place)(place.pack, 7)
    (damage,) = verify(repository).damage
    assert "index" in damage.object
    assert damage.files == ["scripted/own"]


def test_what_lies_in_a_pack_that_is_being_deleted_is_damage_though_its_bytes_are_there() -> None:
    repository, _first, second = two_users()
    row = next(row for row in repository.index.packs() if pack_key(row.pack) == data_packs(repository)[1])
    assert repository.index.condemn(row, 1)
    assert verify(repository, read_data=True).ok
    assert repository.index.begin_delete(row.pack, 1)
    (damage,) = verify(repository).damage
    assert damage.what.startswith("no pack holds it")
    assert damage.snapshots == [second]


def test_packs_are_listed_once() -> None:
    repository, _, _ = two_users()
    listed: list[Any] = []

    class Counting(MemoryCatalogue):
        def packs(self) -> Iterator[PackRow]:
            listed.append(self)
            return super().packs()

    counting = Counting()
    vars(counting).update(vars(repository.index))
    for options in ({}, {"read_data": True}, {"sample": 0.5}):
        assert verify(repository._replace(index=counting), **options).ok
    assert len(listed) == 3


@pytest.mark.parametrize("read_data", [False, True])
def test_what_a_prune_takes_away_meanwhile_is_no_damage(read_data: bool) -> None:
    """A prune runs after the first pack was looked at: packs of forgotten snapshots go, others are rewritten."""
    repository = any_repository()
    for user in range(6):
        snapshot(repository, {f"{n}": noise(200_000, 100 * user + n) for n in range(25)}, user=f"{user}")
        snapshot(repository, {"1": noise(200_000, 100 * user + 1)}, user=f"{user}", reread=True)
    dead, sparse = [
        [record.id for record in repository.ledger.completed() if int(record.user) % 2 == odd] for odd in (0, 1)
    ]
    repository.ledger.forget(sparse[1::2])  # of these users one file of 25 stays
    reports: list[PruneReport] = []

    def interfere(done: int, _: int) -> None:
        if done == 1:
            repository.ledger.forget(dead)
            reports.append(prune(repository, owner="test"))

    assert verify(repository, read_data=read_data, progress=interfere).damage == ()
    (report,) = reports
    assert report.packs_rewritten >= 2
    assert report.packs_deleted > report.packs_rewritten
    assert verify(repository, read_data=True).ok


def test_a_sample_reads_its_share_of_the_packs() -> None:
    repository = any_repository()
    for number in range(10):
        snapshot(repository, {"own": noise(1000 + 40 * number, number)}, user=f"{number}")
    whole = verify(repository, read_data=True).bytes_read
    seen = {verify(repository, sample=0.3, random=Random(seed)).bytes_read for seed in range(20)}
    assert len(seen) > 5
    assert all(0.05 * whole < read < 0.7 * whole for read in seen)
    assert verify(repository, sample=1.0).bytes_read == whole


def test_a_sample_finds_damage_with_the_odds_it_claims() -> None:
    repository = any_repository()
    for number in range(10):
        snapshot(repository, {"own": noise(1000, number)}, user=f"{number}")
    flip(repository, data_packs(repository)[4], 100)
    found = sum(not verify(repository, sample=0.5, random=Random(seed)).ok for seed in range(200))
    assert 70 < found < 130


@pytest.mark.parametrize("sample", [0.0, -0.1, 1.01])
def test_an_impossible_sample_is_refused(sample: float) -> None:
    with pytest.raises(InvalidRequest, match="sample"):
        verify(any_repository(), sample=sample)


def test_progress_counts_the_packs_read() -> None:
    repository, _, _ = two_users()
    steps: list[tuple[int, int]] = []
    verify(repository, read_data=True, progress=lambda done, of: steps.append((done, of)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


class FarObjects(MemoryObjects):
    """Objects that count as remote."""

    def reconnected(self) -> Self:
        return self


@pytest.mark.parametrize("is_far", [False, True])
def test_several_processes_find_what_one_finds(monkeypatch: pytest.MonkeyPatch, *, is_far: bool) -> None:
    monkeypatch.setattr("holdfast.backup.verify.LOOKED_AT_HERE", 0)
    repository, _, _ = two_users()
    for seed in range(10, 20):
        snapshot(repository, {"own": noise(20_000, seed)})
    if is_far:
        far = FarObjects()
        far.objects = bytes_of(repository)
        repository = repository._replace(objects=far)
    first, second, *_ = data_packs(repository)
    flip(repository, first, 5_000)
    del bytes_of(repository)[second]
    one, several = verify(repository, read_data=True), verify(repository, read_data=True, jobs=3)
    assert not several.ok
    assert {damage.object: (damage.what, damage.snapshots) for damage in several.damage} == {
        damage.object: (damage.what, damage.snapshots) for damage in one.damage
    }
    assert (several.packs, several.chunks, several.bytes_read) == (one.packs, one.chunks, one.bytes_read)


def test_what_is_committed_after_the_reading_began_is_verified_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backup.verify.LOOKED_AT_HERE", 0)
    repository, _, _ = two_users()
    before = {row.pack for row in repository.index.packs()}
    honest = _Verification.begin

    def overtaken(self: _Verification, *, read_data: bool) -> None:
        honest(self, read_data=read_data)
        snapshot(repository, {"late": noise(50_000, 4)}, user="carol")
        late = next(row.pack for row in repository.index.packs() if row.pack not in before and row.kind == "data")
        flip(repository, pack_key(late), 5_000)

    monkeypatch.setattr(_Verification, "begin", overtaken)
    report = verify(repository, read_data=True, jobs=2)
    assert (report.snapshots, report.packs) == (3, 6)
    assert [damage.files for damage in report.damage] == [["scripted/late"]]


def test_what_is_pruned_after_the_reading_began_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backup.verify.LOOKED_AT_HERE", 0)
    repository, first, _ = two_users()
    honest = LooksApart.__init__

    def overtaken(self: LooksApart, *arguments: Any) -> None:
        repository.ledger.forget([first])
        prune(repository, owner="me")
        honest(self, *arguments)

    monkeypatch.setattr(LooksApart, "__init__", overtaken)
    report = verify(repository, read_data=True, jobs=2)
    assert report.ok
    assert report.snapshots == 1


def test_looks_that_nobody_takes_stop_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backup.verify_packs.HELD_CHUNKS", 1)
    repository = any_repository()
    for number in range(40):
        snapshot(repository, {"file": noise(50_000, number)})
    looks = LooksApart(repository, {row.pack for row in repository.index.packs()}, 2)
    try:
        for _ in range(1000):
            looks.feed()
        assert len(looks._looks) < 20
        assert {look.pack for look in looks.rest()} == looks.packs
        assert len(looks.packs) == 80
    finally:
        looks.close()
