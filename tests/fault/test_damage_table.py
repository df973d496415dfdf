"""Each state that a repository may be found in: what verify says, what prune does, and what is there afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import pack_key
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.tree import content_of, walk
from holdfast.backup.verify import verify
from holdfast.backup.writer import ChunkWriter
from holdfast.errors import HoldfastError, IntegrityError
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository, contents_of, noise, objects_of

OLD = {"old": noise(300_000, 1), "both": noise(300_000, 2)}
NEW = {"new": noise(300_000, 3), "both": noise(300_000, 2)}


@dataclass
class State:
    """A repository of two snapshots, the first of which is forgotten, before the second prune of its life."""

    repository: Repository
    forgotten: SnapshotId
    kept: SnapshotId

    def chunk_of(self, name: str) -> ChunkId:
        reader = ChunkReader(self.repository)
        for path, entry in walk(reader, load_manifest(self.repository, self.kept).roots):
            if path[-1] == name.encode():
                return next(item for item in content_of(reader, entry) if isinstance(item, bytes))
        raise AssertionError(name)

    def pack_of(self, chunk: ChunkId) -> PackId:
        return self.repository.index.readable([chunk])[chunk].pack

    def packs_of_the_forgotten(self) -> list[PackId]:
        """Packs that only the forgotten snapshot refers to."""
        added = set(load_manifest(self.repository, self.forgotten).packs_added)
        return sorted(added - {self.pack_of(self.chunk_of("both"))})


def nothing(state: State) -> None:
    pass


def lose_the_catalogue(state: State) -> None:
    catalogue = MemoryCatalogue()
    state.repository = state.repository._replace(index=catalogue, ledger=catalogue)


def lose_a_chunk_row(state: State) -> None:
    chunk = state.chunk_of("new")
    state.repository.index.unpoint(state.pack_of(chunk), [chunk])


def lose_used_data(state: State) -> None:
    del objects_of(state.repository)[pack_key(state.pack_of(state.chunk_of("new")))]


def cut_used_data(state: State) -> None:
    key = pack_key(state.pack_of(state.chunk_of("new")))
    objects_of(state.repository)[key] = objects_of(state.repository)[key][:-1]


def lose_a_used_tree(state: State) -> None:
    (root,) = load_manifest(state.repository, state.kept).roots
    del objects_of(state.repository)[pack_key(state.pack_of(root))]


def lose_unused_data(state: State) -> None:
    del objects_of(state.repository)[pack_key(state.packs_of_the_forgotten()[0])]


def lose_a_manifest(state: State) -> None:
    del objects_of(state.repository)[f"snapshots/{state.kept}"]


def add_an_orphan(state: State) -> None:
    objects_of(state.repository)[pack_key(PackId("ab" * 32))] = b"HFPACK\0\1 half a pack"


def announce_what_never_came(state: State) -> None:
    row = PackRow(pack=PackId("cd" * 32), kind=PackKind.DATA, size=10, session=SnapshotId("e" * 32))
    state.repository.index.announce(row)


def store_a_chunk_twice(state: State) -> None:
    """As two writers do who look it up before either has published it."""
    other = MemoryCatalogue()
    elsewhere = state.repository._replace(index=other, ledger=other)
    writer = ChunkWriter(elsewhere, SnapshotId("f" * 32))
    writer.add(PackKind.DATA, noise(300_000, 3)[:100_000])
    writer.add(PackKind.DATA, NEW["new"])
    writer.flush()
    for row in list(other.packs()):
        state.repository.index.announce(row)
        state.repository.index.publish(row.pack, [state.chunk_of("new")])


Change = Callable[[State], None]
WHOLE, DAMAGED = True, False
YES, NO = True, False
TABLE: list[tuple[Change, bool, str, bool, bool]] = [
    # what happened; whether verify is content; what prune does; whether the kept snapshot comes back whole, and after
    # the catalogue was rebuilt
    (nothing, WHOLE, "prunes", YES, YES),
    (lose_the_catalogue, DAMAGED, "refuses", NO, YES),
    (lose_a_chunk_row, DAMAGED, "refuses", NO, YES),
    (lose_used_data, DAMAGED, "prunes", NO, NO),
    (cut_used_data, DAMAGED, "prunes", NO, NO),
    (lose_a_used_tree, DAMAGED, "refuses", NO, NO),
    (lose_unused_data, DAMAGED, "prunes", YES, YES),
    (lose_a_manifest, DAMAGED, "refuses", NO, NO),
    (add_an_orphan, WHOLE, "prunes", YES, YES),
    (announce_what_never_came, WHOLE, "prunes", YES, YES),
    (store_a_chunk_twice, WHOLE, "prunes", YES, YES),
]


def found(change: Change) -> State:
    repository = any_repository()
    first = snapshot(repository, OLD)
    state = State(repository, first, snapshot(repository, NEW))
    repository.ledger.forget([first])
    change(state)
    return state


def stored(state: State) -> tuple[dict[str, bytes], set[PackId]]:
    """Packs and rows: what a prune that refuses leaves alone."""
    packs = {key: data for key, data in objects_of(state.repository).items() if key.startswith("packs/")}
    return packs, {row.pack for row in state.repository.index.packs()}


def comes_back(state: State) -> bool:
    try:
        return contents_of(state.repository, state.kept) == NEW
    except HoldfastError:
        return False


def pruned(state: State) -> str:
    try:
        for _ in range(2):
            prune(state.repository, owner="p")
    except IntegrityError:
        return "refuses"
    return "prunes"


@pytest.mark.parametrize(
    ("change", "is_whole", "does", "is_there", "is_mended"), TABLE, ids=[row[0].__name__ for row in TABLE]
)
def test_a_state_is_told_and_prune_makes_it_no_worse(
    change: Change, is_whole: bool, does: str, is_there: bool, is_mended: bool
) -> None:
    state = found(change)
    before = stored(state)
    assert (verify(state.repository, read_data=True).ok, comes_back(state)) == (is_whole, is_there)
    assert pruned(state) == does
    assert (stored(state) == before) is (does == "refuses")
    assert comes_back(state) is is_there
    rebuild_catalogue(state.repository)
    assert comes_back(state) is is_mended
    assert verify(state.repository, read_data=True).ok is is_mended
