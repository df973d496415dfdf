"""Reclaiming what no snapshot refers to."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from holdfast.backup import compact
from holdfast.backup.ids import PackId, SnapshotId
from holdfast.backup.manifest import Manifest, SourceRoot, load_manifest, manifest_ids, put_manifest
from holdfast.backup.pack import Footer, pack_key, read_footer
from holdfast.backup.ports import ObjectStore, PackKind, PackRow, PackState, Record, Status
from holdfast.backup.prune import plan_prune, prune
from holdfast.backup.repository import Repository
from holdfast.backup.sealing import Keyring
from holdfast.backup.stores import local
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.backup.verify import verify
from holdfast.errors import Conflict, IntegrityError
from tests.support.chunks import forget, snapshot, store
from tests.support.repositories import any_repository, contents_of, flip

HOUR = timedelta(hours=1)


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


def packs(repository: Repository, kind: PackKind | None = None) -> list[PackRow]:
    return [row for row in repository.index.packs() if kind is None or row.kind is kind]


def keys(repository: Repository) -> set[str]:
    assert isinstance(repository.objects, MemoryObjects)
    return set(repository.objects.objects)


def run_beside(repository: Repository, name: str = "2") -> SnapshotId:
    """Begin a session that stays at work."""
    now = repository.clock.now()
    record = Record(
        id=SnapshotId(name * 32),
        user="bob",
        host="host",
        start=now,
        lease_until=now + HOUR,
        epoch=repository.ledger.epoch(),
    )
    repository.ledger.begin(record)
    return record.id


def test_what_only_forgotten_snapshots_held_is_deleted_at_once_when_nobody_is_at_work() -> None:
    repository = any_repository()
    first = snapshot(repository, {"a": b"only in the first", "b": b"in both"})
    second = snapshot(repository, {"b": b"in both", "c": b"new"})
    forget(repository, [first])
    report = prune(repository, owner="test")
    assert report.manifests_deleted == 1
    assert report.packs_deleted > 0
    assert report.packs_waiting == 0
    assert list(manifest_ids(repository)) == [second]
    assert verify(repository, read_data=True).ok


def test_a_repository_whose_snapshots_are_all_forgotten_becomes_empty() -> None:
    repository = any_repository()
    forget(repository, [snapshot(repository, {"a": noise(100_000)}), snapshot(repository, {"b": b"x"})])
    prune(repository, owner="test")
    assert packs(repository) == []
    assert keys(repository) == set()


def test_pruning_what_needs_none_changes_nothing() -> None:
    repository = any_repository()
    snapshot(repository, {"a": noise(100_000)})
    before = keys(repository), packs(repository)
    report = prune(repository, owner="test")
    assert (keys(repository), packs(repository)) == before
    assert (report.packs_deleted, report.packs_condemned, report.packs_rewritten) == (0, 0, 0)


def test_a_plan_changes_nothing_and_tells_what_prune_then_does() -> None:
    repository = any_repository()
    first = snapshot(repository, {"a": noise(500_000)})
    snapshot(repository, {"b": noise(1000, 2)})
    forget(repository, [first])
    before = keys(repository), packs(repository)
    plan = plan_prune(repository)
    assert (keys(repository), packs(repository)) == before
    report = prune(repository, owner="test")
    assert plan.packs_dead == report.packs_deleted == report.packs_condemned
    assert plan.bytes_dead == report.bytes_deleted
    assert (plan.snapshots_kept, plan.packs_kept) == (1, 2)


def test_what_a_session_at_work_may_use_waits_for_it() -> None:
    repository = any_repository()
    forget(repository, [snapshot(repository, {"a": b"text"})])
    session = run_beside(repository)
    report = prune(repository, owner="test")
    assert report.packs_deleted == 0
    assert report.packs_waiting == len(packs(repository)) == 2
    assert {row.state for row in packs(repository)} == {PackState.CONDEMNED}
    repository.ledger.finish(session, Status.FAILED, repository.clock.now(), {})
    assert prune(repository, owner="test").packs_deleted == 2
    assert packs(repository) == []


def test_a_session_that_began_after_the_condemnation_is_not_waited_for() -> None:
    repository = any_repository()
    forget(repository, [snapshot(repository, {"a": b"text"})])
    older = run_beside(repository, "2")
    prune(repository, owner="test")
    run_beside(repository, "3")
    repository.ledger.finish(older, Status.FAILED, repository.clock.now(), {})
    assert prune(repository, owner="test").packs_deleted == 2


def test_a_condemned_pack_that_a_snapshot_came_to_use_is_revived() -> None:
    repository = any_repository()
    first = snapshot(repository, {"a": b"text"})
    session = run_beside(repository)
    forget(repository, [first])
    prune(repository, owner="test")
    # The session had looked everything up before the condemnation, and commits now what the first snapshot held.
    again = _commit_like(repository, session)
    report = prune(repository, owner="test")
    assert report.packs_revived == 2
    assert {row.state for row in packs(repository)} == {PackState.LIVE}
    assert [record.id for record in repository.ledger.completed()] == [again]
    assert verify(repository, read_data=True).ok


def _commit_like(repository: Repository, session: SnapshotId) -> SnapshotId:
    tree = next(row for row in repository.index.packs() if row.kind is PackKind.TREE)
    root = read_footer(repository.objects, repository.keyring, tree.pack).chunks[-1]
    now = repository.clock.now()
    manifest = Manifest(
        id=session, time=now, finished=now, host="host", user="bob", sources=(SourceRoot(b"/scripted", (root,)),)
    )
    put_manifest(repository, manifest)
    repository.ledger.finish(session, Status.COMPLETED, now, {})
    return session


def test_the_packs_of_a_session_at_work_are_left_alone() -> None:
    repository = any_repository()
    session = run_beside(repository, "1")  # tests.support.chunks.store writes in this one's name
    store(repository, b"not referred to yet")
    before = packs(repository)
    prune(repository, owner="test")
    assert packs(repository) == before
    assert before[0].session == session


def test_a_session_whose_lease_ended_is_fenced_and_its_packs_go() -> None:
    repository = any_repository()
    session = run_beside(repository, "1")
    store(repository, b"never to be referred to")
    repository.clock.sleep(2 * HOUR.total_seconds())
    report = prune(repository, owner="test")
    assert (report.sessions_abandoned, report.packs_deleted) == (1, 1)
    assert repository.ledger.get([session])[session].status is Status.ABANDONED
    assert packs(repository) == []


def test_a_pack_that_was_announced_and_never_stored_counts_as_nothing_reclaimed() -> None:
    repository = any_repository()
    session = run_beside(repository, "1")
    store(repository, b"stored")
    stored = sum(row.size for row in packs(repository))
    never = PackRow(pack=PackId("ab" * 32), kind=PackKind.DATA, size=64_000_000, session=session)
    repository.index.announce(never)
    repository.ledger.finish(session, Status.FAILED, repository.clock.now(), {})
    run_beside(repository, "2")
    plan = plan_prune(repository)
    assert (plan.packs_dead, plan.packs_waiting, plan.bytes_dead) == (1, 0, stored)
    waits = prune(repository, owner="test")
    assert (waits.packs_condemned, waits.packs_waiting, waits.bytes_waiting) == (2, 1, stored)
    plan = plan_prune(repository)
    assert (plan.packs_dead, plan.packs_waiting, plan.bytes_dead) == (0, 1, stored)
    repository.ledger.finish(SnapshotId("2" * 32), Status.FAILED, repository.clock.now(), {})
    done = prune(repository, owner="test")
    assert (done.packs_deleted, done.bytes_deleted) == (1, stored)
    assert packs(repository) == []


def test_objects_that_no_row_knows_are_deleted() -> None:
    repository = any_repository()
    kept = snapshot(repository, {"a": b"text"})
    orphan = f"packs/ab/ab{'0' * 62}"
    repository.objects.put(orphan, b"half a pack")
    assert prune(repository, owner="test").packs_deleted == 1
    assert orphan not in keys(repository)
    assert [record.id for record in repository.ledger.completed()] == [kept]


@pytest.mark.parametrize("key", ["packs/notes", "packs/ab/short", "packs/ab/" + "cd" * 32])
def test_objects_that_are_no_packs_are_left_where_they_are(key: str) -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"text"})
    repository.objects.put(key, b"someone else's")
    prune(repository, owner="test")
    assert key in keys(repository)


def test_a_pack_mostly_dead_is_rewritten_without_its_dead_blocks() -> None:
    repository = any_repository()
    first = snapshot(repository, {f"{n}": noise(200_000, n) for n in range(25)})
    second = snapshot(repository, {"3": noise(200_000, 3), "new": b"n"}, reread=True)
    forget(repository, [first])
    before = sum(row.size for row in packs(repository))
    report = prune(repository, owner="test")
    assert report.packs_rewritten >= 1
    assert 200_000 < report.bytes_copied < 220_000
    assert sum(row.size for row in packs(repository)) < before / 5
    assert verify(repository, read_data=True).ok
    assert [record.id for record in repository.ledger.completed()] == [second]
    again = prune(repository, owner="test")
    assert (again.packs_rewritten, again.packs_deleted) == (0, 0)


def test_of_packs_that_are_wholly_in_use_no_footer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.backup.compact.SMALL_SHARE", 0)
    repository = any_repository()
    whole = snapshot(repository, {"a": noise(50_000, 1)})
    partly = snapshot(repository, {"b": noise(50_000, 2), "c": noise(50_000, 3)}, user="bob")
    snapshot(repository, {"c": noise(50_000, 3)}, user="carol")
    forget(repository, [partly])
    read: list[PackId] = []

    def reading(objects: ObjectStore, keyring: Keyring, pack: PackId) -> Footer:
        read.append(pack)
        return read_footer(objects, keyring, pack)

    monkeypatch.setattr("holdfast.backup.compact.read_footer", reading)
    assert plan_prune(repository).packs_to_rewrite == 1
    added = set(load_manifest(repository, partly).packs_added)
    assert read == [row.pack for row in packs(repository, PackKind.DATA) if row.pack in added]
    catalogue = repository.index
    assert isinstance(catalogue, MemoryCatalogue)
    for row in packs(repository):  # as rows of before have it
        catalogue._packs[row.pack] = row._replace(chunk_count=None)
    assert plan_prune(repository).packs_to_rewrite == 1
    assert set(load_manifest(repository, whole).packs_added) < set(read)


def test_after_a_rewrite_a_repository_is_as_small_as_if_only_the_rest_had_been_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files of a few hundred bytes share a block; every third of them is kept."""
    monkeypatch.setattr(compact, "SMALL_SHARE", 0.0)
    everything = {f"{number}": b"%d, %d " % (number, number**2) * 30 for number in range(1000)}
    rest = {name: data for name, data in everything.items() if int(name) % 3 == 0}
    repository, fresh = any_repository(), any_repository()
    first = snapshot(repository, everything)
    second = snapshot(repository, rest, reread=True)
    snapshot(fresh, rest)
    forget(repository, [first])
    assert prune(repository, owner="test", readers=3).packs_rewritten == 1
    sizes = [sum(row.size for row in packs(one, PackKind.DATA)) for one in (repository, fresh)]
    assert sizes[0] <= 1.01 * sizes[1]
    assert verify(repository, read_data=True).ok
    assert contents_of(repository, second) == rest


def test_a_damaged_block_is_neither_lost_nor_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is moved as it is, half dead, and `verify` goes on naming it."""
    monkeypatch.setattr(compact, "SMALL_SHARE", 0.0)
    repository = any_repository()
    everything = {f"{number}": b"%d " % number * 300 for number in range(100)}
    first = snapshot(repository, {**everything, "large": noise(200_000)})
    second = snapshot(repository, {"1": everything["1"]}, reread=True)
    (pack,) = [row.pack for row in packs(repository, PackKind.DATA)]
    footer = read_footer(repository.objects, repository.keyring, pack)
    (shared,) = [block for block in footer.blocks if len(block.chunks) > 1]
    flip(repository, pack_key(pack), shared.offset + 100)
    forget(repository, [first])
    report = prune(repository, owner="test")
    assert (report.packs_rewritten, report.bytes_copied) == (1, shared.stored_bytes)
    damage = verify(repository, read_data=True).damage
    assert [one.snapshots for one in damage] == [[second]]


def test_an_empty_catalogue_is_not_taken_for_an_empty_repository() -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"text"})
    fresh = any_repository()
    lost = repository._replace(index=fresh.index, ledger=fresh.ledger)
    before = keys(repository)
    with pytest.raises(IntegrityError, match=r"no record.*repo rebuild"):
        prune(lost, owner="test")
    with pytest.raises(IntegrityError, match="repo rebuild"):
        plan_prune(lost)
    assert keys(repository) == before


def test_a_lost_chunk_row_stops_prune_before_it_deletes() -> None:
    repository = any_repository()
    snapshot(repository, {"a": noise(1000)})
    forget(repository, [snapshot(repository, {"b": noise(1000, 2)}, user="bob")])
    row = packs(repository, PackKind.DATA)[0]
    repository.index.unpoint(row.pack, read_footer(repository.objects, repository.keyring, row.pack).chunks)
    before = {key for key in keys(repository) if key.startswith("packs/")}
    with pytest.raises(IntegrityError, match=r"in no pack.*no data was deleted"):
        prune(repository, owner="test")
    assert before <= keys(repository)


def test_a_damaged_tree_stops_prune_before_it_deletes() -> None:
    repository = any_repository()
    snapshot(repository, {"a": noise(1000)})
    forget(repository, [snapshot(repository, {"b": noise(1000, 2)}, user="bob")])
    assert isinstance(repository.objects, MemoryObjects)
    for row in packs(repository, PackKind.TREE):
        data = bytearray(repository.objects.objects[pack_key(row.pack)])
        data[60] ^= 1
        repository.objects.objects[pack_key(row.pack)] = bytes(data)
    before = {key for key in keys(repository) if key.startswith("packs/")}
    with pytest.raises(IntegrityError):
        prune(repository, owner="test")
    assert before <= keys(repository)


@pytest.mark.parametrize("another_is_damaged", [False, True])
def test_damage_of_a_forgotten_snapshot_that_a_session_began_from_is_told_from_any_other(
    another_is_damaged: bool,
) -> None:
    repository = any_repository()
    parent = snapshot(repository, {"a": noise(1000)})
    (tree,) = packs(repository, PackKind.TREE)
    flip(repository, pack_key(tree.pack), 60)
    snapshot(repository, {"b": noise(1000, 2)}, user="bob")
    if another_is_damaged:
        (other,) = [row for row in packs(repository, PackKind.TREE) if row != tree]
        flip(repository, pack_key(other.pack), 60)
    now = repository.clock.now()
    child = SnapshotId("2" * 32)
    repository.ledger.begin(
        Record(id=child, user="u", host="h", start=now, lease_until=now + HOUR, epoch=1, parent=parent)
    )
    forget(repository, [parent])
    before = {key for key in keys(repository) if key.startswith("packs/")}
    error, match = (IntegrityError, "fails authentication") if another_is_damaged else (Conflict, "began from it")
    with pytest.raises(error, match=match):
        prune(repository, owner="test")
    assert before <= keys(repository)
    if not another_is_damaged:
        repository.clock.sleep(2 * HOUR.total_seconds())
        assert prune(repository, owner="test").packs_deleted


def test_what_a_forgotten_snapshot_in_use_lacks_is_in_nobodys_way_and_what_it_has_is_kept() -> None:
    repository = any_repository()
    parent = snapshot(repository, {"lost": noise(90_000), "whole": noise(90_000, 2)})
    (row,) = packs(repository, PackKind.DATA)
    chunks = read_footer(repository.objects, repository.keyring, row.pack).chunks
    repository.index.unpoint(row.pack, chunks[:1])
    now = repository.clock.now()
    child = SnapshotId("2" * 32)
    repository.ledger.begin(
        Record(id=child, user="u", host="h", start=now, lease_until=now + HOUR, epoch=1, parent=parent)
    )
    with pytest.raises(IntegrityError, match="in no pack"):
        prune(repository, owner="test")
    forget(repository, [parent])
    for _ in range(2):
        prune(repository, owner="test")
        assert set(repository.index.usable(chunks)) == set(chunks[1:])


def test_of_two_prunes_the_second_is_told_who_is_at_work() -> None:
    repository = any_repository()
    now = repository.clock.now()
    repository.ledger.lock("prune", "another", now + HOUR, now)
    with pytest.raises(Conflict, match="another"):
        prune(repository, owner="test")
    repository.clock.sleep(2 * HOUR.total_seconds())
    prune(repository, owner="test")
    now = repository.clock.now()
    repository.ledger.lock("prune", "another", now + HOUR, now)


def test_a_cleared_record_is_kept_for_a_while_and_not_cleared_again() -> None:
    repository = any_repository()
    first = snapshot(repository, {"a": b"text"})
    forget(repository, [first])
    prune(repository, owner="test")
    assert repository.ledger.get([first])[first].status is Status.FORGOTTEN
    assert repository.ledger.ended() == []


def test_a_folder_is_flushed_for_many_packs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue, plain = SqliteCatalogue(tmp_path / "catalogue.sqlite"), any_repository()
    repository = plain._replace(objects=LocalObjects(tmp_path), index=catalogue, ledger=catalogue)
    made = [snapshot(repository, {f"{number}": noise(1000, number)}) for number in range(20)]
    forget(repository, made[:-1])
    flushes: list[object] = []
    transactions: list[object] = []
    monkeypatch.setattr(local, "sync_folder", flushes.append)
    with catalogue._connected() as db:
        db.set_trace_callback(lambda sql: transactions.append(sql) if sql == "COMMIT" else None)
    report = prune(repository, owner="test")
    assert (report.packs_deleted, report.manifests_deleted) == (38, 19)
    assert len(flushes) == len({*flushes}) <= 38
    assert len(transactions) < 20
    assert verify(repository, read_data=True).ok
    assert contents_of(repository, made[-1]) == {"19": noise(1000, 19)}
    catalogue.close()


@pytest.mark.parametrize("workers", [1, 4])
def test_many_snapshots_are_pruned_alike_by_any_number_of_workers(workers: int) -> None:
    repository = any_repository()
    made = [snapshot(repository, {f"{n}": noise(5000, n), "same": b"s"}, user=f"{n}") for n in range(12)]
    forget(repository, made[::2])
    report = prune(repository, owner="test", workers=workers, readers=workers)
    assert report.manifests_deleted == 6
    assert verify(repository, read_data=True, workers=workers).ok
    assert {record.id for record in repository.ledger.completed()} == set(made[1::2])


def test_a_prune_refuses_where_a_snapshot_has_lost_its_manifest() -> None:
    repository = any_repository()
    id_ = snapshot(repository, {"file": noise(50_000)})
    snapshot(repository, {"other": noise(50_000, 2)}, user="bob")
    sealed = repository.objects.get(f"snapshots/{id_}")
    repository.objects.delete(f"snapshots/{id_}")
    before = list(repository.objects.list(""))
    with pytest.raises(IntegrityError, match=f"manifest of snapshot {id_} is missing"):
        plan_prune(repository)
    with pytest.raises(IntegrityError, match=f"manifest of snapshot {id_} is missing"):
        prune(repository, owner="test")
    assert list(repository.objects.list("")) == before
    repository.objects.put(f"snapshots/{id_}", sealed)
    prune(repository, owner="test")
    assert verify(repository, read_data=True).ok
