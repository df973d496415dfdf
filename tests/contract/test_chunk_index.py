"""What every chunk index promises. `docs/design/repository-format.md` says why."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState
from holdfast.errors import Conflict
from tests.contract.adapters import Stores

WRITER = SnapshotId("1" * 32)


def chunk(name: str) -> ChunkId:
    return ChunkId(hashlib.sha256(name.encode()).digest())


def row(name: str, session: SnapshotId = WRITER) -> PackRow:
    return PackRow(pack=PackId(hashlib.sha256(name.encode()).hexdigest()), kind=PackKind.DATA, size=77, session=session)


def published(stores: Stores, name: str, *chunks: str) -> PackRow:
    one = row(name)
    stores.index.announce(one)
    stores.index.publish(one.pack, [chunk(each) for each in chunks])
    return one


def condemned(stores: Stores, name: str, *chunks: str) -> PackRow:
    one = published(stores, name, *chunks)
    assert stores.index.condemn(one, stores.ledger.epoch())
    return one


def states(stores: Stores) -> dict[PackId, PackState]:
    return {found.pack: found.state for found in stores.index.packs()}


def test_a_published_chunk_is_usable_and_readable_at_its_ordinal(stores: Stores) -> None:
    one = published(stores, "one", "a", "b")
    expected = {chunk("a"): Place(one.pack, 0), chunk("b"): Place(one.pack, 1)}
    asked = [chunk("a"), chunk("b"), chunk("never")]
    assert stores.reopen().index.usable(asked) == expected
    assert stores.index.readable(asked) == expected


def test_a_row_names_its_place_whatever_became_of_the_pack(stores: Stores) -> None:
    one, two = condemned(stores, "one", "a"), row("two")
    stores.index.begin_delete(one.pack, stores.ledger.epoch())
    stores.index.announce(two)
    assert stores.index.named([chunk("a"), chunk("never")]) == {chunk("a"): Place(one.pack, 0)}
    assert stores.index.readable([chunk("a")]) == stores.index.named([]) == {}


def test_nothing_asked_is_nothing_found(stores: Stores) -> None:
    assert stores.index.usable([]) == stores.index.readable(set()) == {}


def test_look_ups_take_any_number_of_chunks(stores: Stores) -> None:
    names = [f"chunk {number}" for number in range(1203)]
    one = published(stores, "one", *names)
    found = stores.index.usable({chunk(name) for name in names})
    assert found == {chunk(name): Place(one.pack, ordinal) for ordinal, name in enumerate(names)}


def test_an_announced_pack_is_pending_and_gives_no_places(stores: Stores) -> None:
    assert stores.index.announce(row("one")) is True
    assert stores.index.announce(row("one", SnapshotId("2" * 32))) is False
    assert list(stores.index.packs()) == [row("one")]
    assert stores.index.readable([chunk("a")]) == {}


def test_publish_refuses_a_pack_without_a_row(stores: Stores) -> None:
    with pytest.raises(Conflict):
        stores.index.publish(row("one").pack, [chunk("a")])
    assert stores.index.readable([chunk("a")]) == {}


def test_publish_refuses_a_condemned_pack(stores: Stores) -> None:
    one = row("one")
    stores.index.announce(one)
    stores.index.condemn(one, stores.ledger.epoch())
    with pytest.raises(Conflict):
        stores.index.publish(one.pack, [chunk("a")])


@pytest.mark.parametrize("is_condemned", [True, False])
def test_chunks_whose_publishing_was_refused_are_stored_in_another_pack(stores: Stores, is_condemned: bool) -> None:
    one = row("one")
    if is_condemned:
        stores.index.announce(one)
        assert stores.index.condemn(one, stores.ledger.epoch())
    with pytest.raises(Conflict):
        stores.index.publish(one.pack, [chunk("a"), chunk("b")])
    assert stores.index.usable([chunk("a"), chunk("b")]) == {}
    two = published(stores, "two", "a")
    assert stores.index.usable([chunk("a"), chunk("b")]) == {chunk("a"): Place(two.pack, 0)}


def test_publish_may_be_repeated(stores: Stores) -> None:
    one = published(stores, "one", "a", "b")
    assert stores.index.publish(one.pack, [chunk("a"), chunk("b")]) == 2
    assert stores.index.usable([chunk("b")]) == {chunk("b"): Place(one.pack, 1)}


def test_the_first_writer_of_a_chunk_wins(stores: Stores) -> None:
    one = published(stores, "one", "a")
    other = row("other")
    stores.index.announce(other)
    assert stores.index.publish(other.pack, [chunk("a"), chunk("b")]) == 1
    assert stores.index.usable([chunk("a"), chunk("b")]) == {
        chunk("a"): Place(one.pack, 0),
        chunk("b"): Place(other.pack, 1),
    }


def test_a_place_in_a_condemned_pack_is_readable_not_usable_and_is_replaced(stores: Stores) -> None:
    one = condemned(stores, "one", "a")
    assert stores.index.usable([chunk("a")]) == {}
    assert stores.index.readable([chunk("a")]) == {chunk("a"): Place(one.pack, 0)}
    other = published(stores, "other", "a")
    assert stores.index.usable([chunk("a")]) == {chunk("a"): Place(other.pack, 0)}


def test_a_place_in_a_removed_pack_is_replaced(stores: Stores) -> None:
    one = condemned(stores, "one", "a")
    stores.index.begin_delete(one.pack, stores.ledger.epoch())
    stores.index.remove(one.pack)
    assert stores.index.readable([chunk("a")]) == {}
    other = published(stores, "other", "a")
    assert stores.index.readable([chunk("a")]) == {chunk("a"): Place(other.pack, 0)}


def test_writers_of_the_same_chunks_at_once_end_with_one_place_each(stores: Stores) -> None:
    names = [f"chunk {number}" for number in range(40)]

    def publish(writer: int) -> int:
        own = stores.reopen()
        mixed = names[writer:] + names[:writer]
        one = row(f"writer {writer}")
        own.index.announce(one)
        return own.index.publish(one.pack, [chunk(name) for name in mixed])

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(publish, range(4)))
    places = stores.index.usable([chunk(name) for name in names])
    assert len(places) == len(names) == sum(won)
    for writer in range(4):
        mixed = [chunk(name) for name in names[writer:] + names[:writer]]
        mine = {place.ordinal: key for key, place in places.items() if place.pack == row(f"writer {writer}").pack}
        assert all(mixed[ordinal] == key for ordinal, key in mine.items())


def test_condemn_takes_live_pending_and_unknown_packs_only(stores: Stores) -> None:
    epoch = stores.ledger.epoch()
    live, pending, unknown = published(stores, "live", "a"), row("pending"), row("unknown")
    stores.index.announce(pending)
    assert [stores.index.condemn(one, epoch) for one in (live, pending, unknown)] == [True, True, True]
    assert [stores.index.condemn(one, epoch) for one in (live, pending, unknown)] == [False, False, False]
    assert {(found.state, found.epoch, found.size) for found in stores.index.packs()} == {
        (PackState.CONDEMNED, epoch, 77)
    }


def test_condemn_refuses_an_epoch_that_is_over(stores: Stores) -> None:
    one, before = published(stores, "one", "a"), stores.ledger.epoch()
    stores.ledger.advance_epoch()
    for each in (one, row("unknown")):
        with pytest.raises(Conflict):
            stores.index.condemn(each, before)
    assert states(stores) == {one.pack: PackState.LIVE}


def test_revive_gives_a_condemned_pack_back(stores: Stores) -> None:
    one = condemned(stores, "one", "a")
    assert stores.index.revive(one.pack) is True
    assert stores.index.revive(one.pack) is False
    assert stores.index.usable([chunk("a")]) == {chunk("a"): Place(one.pack, 0)}
    assert stores.index.condemn(one, stores.ledger.epoch()) is True


def test_begin_delete_ends_reading_and_may_be_repeated(stores: Stores) -> None:
    one, epoch = condemned(stores, "one", "a"), stores.ledger.epoch()
    assert stores.index.begin_delete(one.pack, epoch) is True
    assert stores.index.begin_delete(one.pack, epoch) is True
    assert stores.index.readable([chunk("a")]) == {}
    assert stores.index.revive(one.pack) is False


def test_begin_delete_refuses_what_was_not_condemned_or_condemned_anew(stores: Stores) -> None:
    one, before = condemned(stores, "one", "a"), stores.ledger.epoch()
    stores.index.revive(one.pack)
    assert stores.index.begin_delete(one.pack, before) is False
    stores.ledger.advance_epoch()
    stores.index.condemn(one, before + 1)
    assert stores.index.begin_delete(one.pack, before) is False
    assert stores.index.begin_delete(row("never").pack, before) is False
    assert states(stores) == {one.pack: PackState.CONDEMNED}


def test_unpoint_leaves_chunks_that_moved_on(stores: Stores) -> None:
    one = condemned(stores, "one", "a", "b")
    other = published(stores, "other", "a")
    stores.index.begin_delete(one.pack, stores.ledger.epoch())
    stores.index.unpoint(one.pack, [chunk("a"), chunk("b"), chunk("never")])
    stores.index.remove(one.pack)
    assert states(stores) == {other.pack: PackState.LIVE}
    assert stores.index.readable([chunk("a"), chunk("b")]) == {chunk("a"): Place(other.pack, 0)}


def test_remove_takes_only_deleting_rows(stores: Stores) -> None:
    live, doomed = published(stores, "live", "a"), condemned(stores, "doomed", "b")
    for one in (live, doomed):
        stores.index.remove(one.pack)
    assert states(stores) == {live.pack: PackState.LIVE, doomed.pack: PackState.CONDEMNED}
    stores.index.begin_delete(doomed.pack, stores.ledger.epoch())
    stores.index.remove(doomed.pack)
    stores.index.remove(doomed.pack)
    assert states(stores) == {live.pack: PackState.LIVE}


def test_move_takes_the_chunks_that_still_name_the_old_pack(stores: Stores) -> None:
    first, old = published(stores, "first", "b"), published(stores, "old", "a", "b")
    new = row("new")
    stores.index.announce(new)
    assert stores.index.publish(new.pack, [chunk("a"), chunk("b")]) == 0
    targets = {chunk("a"): Place(new.pack, 0), chunk("b"): Place(new.pack, 1)}
    assert stores.index.move(targets, old.pack) == 1
    assert stores.index.move(targets, old.pack) == 0
    assert stores.index.usable([chunk("a"), chunk("b")]) == {
        chunk("a"): Place(new.pack, 0),
        chunk("b"): Place(first.pack, 0),
    }


def test_move_refuses_a_new_pack_that_is_not_live(stores: Stores) -> None:
    old, new = published(stores, "old", "a"), condemned(stores, "new", "x")
    assert stores.index.move({chunk("a"): Place(new.pack, 0)}, old.pack) == 0
    assert stores.index.move({chunk("a"): Place(row("gone").pack, 0)}, old.pack) == 0
    assert stores.index.usable([chunk("a")]) == {chunk("a"): Place(old.pack, 0)}
