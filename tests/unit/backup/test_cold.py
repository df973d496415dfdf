"""What is archived is noticed from one listing."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.backup.cold import SAMPLED, Temperature, Tier, seems_archived
from holdfast.backup.ports import StoredObject
from holdfast.backup.stores.memory import MemoryObjects


class Listed(MemoryObjects):
    """A store with storage classes, of which a listing is counted by what is taken of it."""

    def __init__(self, *classes: str) -> None:
        super().__init__()
        self.classes = classes
        self.taken = 0

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for number, storage_class in enumerate(self.classes):
            self.taken += 1
            yield StoredObject(f"{prefix}{number:06}", 1, storage_class)

    def temperature(self, key: str) -> Temperature:
        raise AssertionError(f"{key} was asked for by itself")

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        raise AssertionError(f"{key} was thawed")


def test_an_archived_object_among_those_listed_is_noticed() -> None:
    assert seems_archived(Listed("STANDARD", "STANDARD_IA", "DEEP_ARCHIVE"), "packs/")
    assert seems_archived(Listed("GLACIER"), "packs/")
    assert not seems_archived(Listed("STANDARD", "STANDARD_IA", "GLACIER_IR"), "packs/")
    assert not seems_archived(Listed(), "packs/")


def test_of_many_objects_no_more_than_one_listing_is_asked_for() -> None:
    many = Listed(*["STANDARD"] * (SAMPLED + 1))
    assert not seems_archived(many, "packs/")
    assert many.taken == SAMPLED


def test_where_there_are_no_storage_classes_nothing_is_listed() -> None:
    class Refusing(MemoryObjects):
        def list(self, prefix: str) -> Iterator[StoredObject]:
            raise AssertionError(prefix)

    assert not seems_archived(Refusing(), "packs/")
