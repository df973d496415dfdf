"""Whatever happens to the objects of a repository, a replica brings back all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.backup.repair import repair
from holdfast.backup.replica import Replica
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.verify import verify
from tests.support.chunks import snapshot
from tests.support.repositories import any_created, contents_of, noise, objects_of

wounds = st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True), st.integers(-1, 8))
"""Which object, where in it, and what: -1 removes it, 0 to 7 flips that bit, 8 cuts it there."""


def wound(data: bytes, where: float, what: int) -> bytes:
    at = int(where * len(data))
    return data[:at] if what == 8 else data[:at] + bytes([data[at] ^ 1 << what]) + data[at + 1 :]


@given(wounds=st.lists(wounds, min_size=1, max_size=4), small=st.integers(0, 30))
def test_a_replica_heals_any_damage_to_any_packs_and_manifests(
    wounds: list[tuple[float, float, int]], small: int
) -> None:
    repository = any_created()
    first = {"noise": noise(90_000), **{f"small {n}": b"%d" % n * (n + 1) for n in range(small)}}
    second = {**first, "more": noise(50_000, 2)}
    snapshots = {snapshot(repository, first): first, snapshot(repository, second, user="bob"): second}
    copy = MemoryObjects()
    copy.objects = objects = dict(objects_of(repository))
    keys = sorted(key for key in objects if key.startswith(("packs/", "snapshots/")))
    for which, where, what in wounds:
        key = keys[int(which * len(keys))]
        if what < 0:
            objects_of(repository).pop(key, None)
        else:
            objects_of(repository)[key] = wound(objects[key], where, what)

    report = repair(repository, owner="test", replica=Replica(repository, copy))

    assert report.left.damage == ()
    assert verify(repository._replace(), read_data=True).ok
    assert {id_: contents_of(repository, id_) for id_ in snapshots} == snapshots
