"""The catalogue again, from packs and manifests alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.pack import pack_key, read_footer
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.verify import verify
from tests.support.chunks import forget, snapshot
from tests.support.repositories import any_repository, contents_of, objects_of


def without_catalogue(repository: Repository) -> Repository:
    fresh = MemoryCatalogue()
    return repository._replace(index=fresh, ledger=fresh)


@pytest.mark.parametrize("workers", [1, 4])
def test_everything_is_known_again(workers: int) -> None:
    repository = any_repository()
    made = [snapshot(repository, {"a": b"%d" % n, "same": b"s" * 40_000}, user=f"{n}") for n in range(5)]
    lost = without_catalogue(repository)
    report = rebuild_catalogue(lost, workers=workers)
    assert (report.snapshots, report.packs, report.damaged) == (5, len(list(repository.index.packs())), ())
    assert verify(lost, read_data=True).ok
    before = {record.id: record for record in repository.ledger.completed()}
    for record in lost.ledger.completed():
        was = before[record.id]
        assert (record.user, record.host, record.start, dict(record.figures)) == (
            was.user,
            was.host,
            was.start,
            dict(was.figures),
        )
    assert set(before) == set(made)


def test_what_is_known_again_is_deduplicated_against_and_pruned() -> None:
    repository = any_repository()
    first = snapshot(repository, {"a": b"a" * 50_000})
    lost = without_catalogue(repository)
    rebuild_catalogue(lost)
    size = sum(row.size for row in lost.index.packs())
    second = snapshot(lost, {"a": b"a" * 50_000}, user="bob")
    assert sum(row.size for row in lost.index.packs()) < size + 2000
    forget(lost, [first, second])
    prune(lost, owner="test")
    assert list(lost.index.packs()) == []


def test_rebuilding_twice_or_over_what_is_there_changes_nothing() -> None:
    repository = any_repository()
    made = snapshot(repository, {"a": b"text"})
    before = list(repository.index.packs()), repository.ledger.completed()
    report = rebuild_catalogue(repository)
    assert report.packs == 0
    assert (list(repository.index.packs()), repository.ledger.completed()) == before
    lost = without_catalogue(repository)
    rebuild_catalogue(lost)
    rebuild_catalogue(lost)
    assert [record.id for record in lost.ledger.completed()] == [made]
    assert {row.state for row in lost.index.packs()} == {PackState.LIVE}


def test_rows_that_are_missing_or_lie_are_mended_and_the_others_left() -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"a" * 50_000, "b": b"b" * 50_000, "c": b"c" * 50_000})
    catalogue = repository.index
    assert isinstance(catalogue, MemoryCatalogue)
    data = [chunk for chunk, place in catalogue._chunks.items() if _kind(repository, place.pack) is PackKind.DATA]
    before = dict(catalogue._chunks)
    del catalogue._chunks[data[0]]
    catalogue._chunks[data[1]] = before[data[1]]._replace(ordinal=77)
    tree = next(row.pack for row in catalogue.packs() if row.kind is PackKind.TREE)
    catalogue._chunks[data[2]] = Place(tree, 0)
    assert len(verify(repository).damage) > 0
    assert rebuild_catalogue(repository).packs == 1
    assert catalogue._chunks == before
    assert verify(repository, read_data=True).ok


def _kind(repository: Repository, pack: PackId) -> PackKind:
    return next(row.kind for row in repository.index.packs() if row.pack == pack)


def test_a_condemned_pack_whose_rows_were_lost_comes_back() -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"a" * 50_000})
    row = next(row for row in repository.index.packs() if row.kind is PackKind.DATA)
    repository.index.condemn(row, repository.ledger.epoch())
    repository.index.unpoint(row.pack, read_footer(repository.objects, repository.keyring, row.pack).chunks)
    assert not verify(repository).ok
    rebuild_catalogue(repository)
    assert verify(repository, read_data=True).ok


def test_damaged_objects_are_named_and_the_rest_is_known_again() -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"a" * 50_000})
    good = snapshot(repository, {"b": b"b" * 50_000}, user="bob")
    assert isinstance(repository.objects, MemoryObjects)
    packs = [row for row in repository.index.packs() if row.kind is PackKind.DATA]
    torn = pack_key(packs[0].pack)
    repository.objects.objects[torn] = repository.objects.objects[torn][:-3]
    repository.objects.objects["snapshots/" + "e" * 32] = b"no manifest"
    lost = without_catalogue(repository)
    report = rebuild_catalogue(lost)
    assert {key for key, _ in report.damaged} == {torn, "snapshots/" + "e" * 32}
    assert len(lost.ledger.completed()) == 2
    damage = verify(lost).damage
    assert damage
    assert all(good not in one.snapshots for one in damage)


@pytest.mark.parametrize("moment", ["announce", "publish"])
def test_a_pack_that_a_prune_deletes_while_it_is_made_known_is_not_named_as_stored(moment: str) -> None:
    repository = any_repository()
    files = {"a": b"a" * 50_000}
    forget(repository, [snapshot(repository, files)])
    for key in list(objects_of(repository)):
        if key.startswith("snapshots/"):
            repository.objects.delete(key)
    lost = without_catalogue(repository)  # so that its packs are nobody's
    index = lost.index

    class Interrupted(MemoryCatalogue):
        """The same rows; a whole prune runs before the first call of one kind."""

        def __init__(self) -> None:
            self.__dict__ = index.__dict__
            self.is_pruned = False

        def announce(self, row: PackRow) -> bool:
            self._prune("announce")
            return super().announce(row)

        def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
            self._prune("publish")
            return super().publish(pack, chunks)

        def _prune(self, at: str) -> None:
            if at == moment and not self.is_pruned:
                self.is_pruned = True
                prune(lost, owner="another")

    interrupted = Interrupted()
    rebuild_catalogue(lost._replace(index=interrupted))
    assert interrupted.is_pruned
    id_ = snapshot(lost, files)
    assert verify(lost, read_data=True).ok
    assert contents_of(lost, id_) == files


def test_objects_that_are_no_packs_are_passed_over() -> None:
    repository = any_repository()
    snapshot(repository, {"a": b"text"})
    repository.objects.put("packs/ab/notes", b"someone else's")
    lost = without_catalogue(repository)
    assert rebuild_catalogue(lost).damaged == ()
    assert verify(lost).ok
