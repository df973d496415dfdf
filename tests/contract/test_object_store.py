"""What every object store promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import NotFound
from tests.contract.adapters import Stores


def test_put_keeps_the_first_bytes_and_says_so(stores: Stores) -> None:
    assert stores.objects.put("packs/aa/one", b"first") is True
    assert stores.objects.put("packs/aa/one", b"other") is False
    assert stores.reopen().objects.get("packs/aa/one") == b"first"


def test_of_many_puts_of_one_key_exactly_one_wins(stores: Stores) -> None:
    with ThreadPoolExecutor(4) as pool:
        bodies = [bytes([n]) * 1000 for n in range(12)]
        won = list(pool.map(lambda body: stores.reopen().objects.put("config", body), bodies))
    assert won.count(True) == 1
    assert stores.objects.get("config") == bodies[won.index(True)]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (2, 3, b"234"),
        (8, 100, b"89"),
        (-4, None, b"6789"),
        (-4, 2, b"67"),
        (-100, None, b"0123456789"),
    ],
)
def test_get_returns_the_range_asked_for(stores: Stores, start: int, length: int | None, expected: bytes) -> None:
    stores.objects.put("config", b"0123456789")
    assert stores.objects.get("config", start, length) == expected


def test_empty_objects_and_views_are_stored_whole(stores: Stores) -> None:
    stores.objects.put("keys/empty", b"")
    stores.objects.put("keys/view", memoryview(bytearray(b"xbodyx"))[1:5])
    assert (stores.objects.get("keys/empty"), stores.objects.size("keys/empty")) == (b"", 0)
    assert (stores.objects.get("keys/view"), stores.objects.size("keys/view")) == (b"body", 4)


def test_an_absent_object_has_no_size_cannot_be_got_and_may_be_deleted(stores: Stores) -> None:
    assert stores.objects.size("config") is None
    with pytest.raises(NotFound):
        stores.objects.get("config")
    with pytest.raises(NotFound):
        stores.objects.get("config", -8)
    stores.objects.delete("config")


def test_delete_makes_room_for_another_put(stores: Stores) -> None:
    stores.objects.put("snapshots/a", b"1")
    stores.objects.delete("snapshots/a")
    assert stores.objects.size("snapshots/a") is None
    assert stores.objects.put("snapshots/a", b"22") is True


def test_list_yields_keys_of_a_prefix_in_key_order_with_sizes(stores: Stores) -> None:
    keys = ["packs/ab/2", "packs/ab-c/1", "packs/aa/9", "packs/ab/1", "snapshots/1", "keys/slot-1", "keys/ring-2"]
    for number, key in enumerate(keys):
        stores.objects.put(key, b"x" * number)
    listed = [(found.key, found.size) for found in stores.objects.list("packs/")]
    assert listed == sorted((key, keys.index(key)) for key in keys if key.startswith("packs/"))
    assert [found.key for found in stores.objects.list("keys/slot-")] == ["keys/slot-1"]
    assert list(stores.objects.list("none/")) == []


def test_objects_may_be_deleted_while_they_are_listed(stores: Stores) -> None:
    for number in range(5):
        stores.objects.put(f"snapshots/{number}", b"x")
    for found in stores.objects.list("snapshots/"):
        stores.objects.delete(found.key)
    assert list(stores.objects.list("snapshots/")) == []
