"""Collections that spill into a temporary file hold what plain ones hold, however little memory they may use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.spill import ChunksByPack, ChunkSet

NUMBERS = st.integers(0, 30)
PACKS = st.sampled_from([PackId(f"{number:064x}") for number in range(4)])


def chunk(number: int) -> ChunkId:
    return ChunkId(number.to_bytes(32, "big"))


@given(held=st.integers(1, 12), groups=st.lists(st.lists(NUMBERS, max_size=12), max_size=6))
def test_a_set_holds_each_chunk_once(held: int, groups: list[list[int]]) -> None:
    spilling, plain = ChunkSet(held=held), set[ChunkId]()
    for numbers in groups:
        spilling.update(chunk(number) for number in numbers)
        plain.update(chunk(number) for number in numbers)
        assert len(spilling) == len(plain)
    found = list(spilling)
    assert sorted(found) == sorted(plain)


@given(held=st.integers(1, 12), added=st.lists(st.tuples(PACKS, st.integers(0, 2**32 - 1), NUMBERS), max_size=40))
def test_chunks_lie_with_their_pack_in_the_order_they_came(held: int, added: list[tuple[PackId, int, int]]) -> None:
    spilling, plain = ChunksByPack(held=held), dict[PackId, list[tuple[int, ChunkId]]]()
    for pack, ordinal, number in added:
        spilling.add(pack, ordinal, chunk(number))
        plain.setdefault(pack, []).append((ordinal, chunk(number)))
    assert {pack: spilling.placed(pack) for pack in spilling} == plain
    assert {pack: spilling[pack] for pack in spilling.keys() & plain.keys()} == {
        pack: [one for _, one in placed] for pack, placed in plain.items()
    }
    assert len(spilling) == len(plain)
    absent = PackId("f" * 64)
    assert absent not in spilling
    assert spilling.placed(absent) == []
    assert spilling.get(absent) is None
