"""Storage classes whose objects must be thawed before they can be read, and what that costs and takes.

Prices are list prices of us-east-1 in US dollars as of 2026-11, before tax; other regions differ by up to a half.
Source: https://aws.amazon.com/s3/pricing/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

from holdfast.backup.parallel import each
from holdfast.backup.ports import Clock, ObjectStore

GB = 10**9
MONTH_DAYS = 30.0
POLL = timedelta(minutes=5)
STANDARD = "STANDARD"
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
SAMPLED = 1000
"""Objects looked at for archived ones: one listing (docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""


class Tier(StrEnum):
    """How quickly, and how dearly, archived objects are brought back."""

    STANDARD = "standard"
    BULK = "bulk"


class Temperature(NamedTuple):
    """An object's storage class, and whether it can be read now."""

    storage_class: str
    readable: bool = True
    thawing: bool = False


@runtime_checkable
class ColdStore(Protocol):
    """An object store some of whose objects may be archived."""

    def temperature(self, key: str) -> Temperature:
        """Return an object's storage class and whether it can be read; raise NotFound."""

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        """Ask for a readable copy for so many days; nothing happens if it is readable or under way."""


class Price(NamedTuple):
    """What reading back from a class costs: a GB, a thousand requests; and the longest it typically takes."""

    per_gb: float
    per_thousand: float
    wait: timedelta = timedelta()


GET_PER_THOUSAND: Mapping[str, float] = {
    STANDARD: 0.0004,
    "STANDARD_IA": 0.001,
    "ONEZONE_IA": 0.001,
    "INTELLIGENT_TIERING": 0.0004,
    "GLACIER_IR": 0.01,
    "GLACIER": 0.0004,
    "DEEP_ARCHIVE": 0.0004,
}
RETRIEVAL_PER_GB: Mapping[str, float] = {"STANDARD_IA": 0.01, "ONEZONE_IA": 0.01, "GLACIER_IR": 0.03}
# Waits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
THAW: Mapping[tuple[str, Tier], Price] = {
    ("GLACIER", Tier.STANDARD): Price(0.01, 0.05, timedelta(hours=5)),
    ("GLACIER", Tier.BULK): Price(0.0, 0.0, timedelta(hours=12)),
    ("DEEP_ARCHIVE", Tier.STANDARD): Price(0.02, 0.10, timedelta(hours=12)),
    ("DEEP_ARCHIVE", Tier.BULK): Price(0.0025, 0.025, timedelta(hours=48)),
}
READ_UNIT_PER_MILLION = 0.125
"""Source: https://aws.amazon.com/dynamodb/pricing/on-demand/"""
COPY_PER_GB_MONTH = 0.023
"""A thawed copy is kept in S3 Standard beside the archived object."""


def cold_store(objects: ObjectStore) -> ColdStore | None:
    """Return the store as one with storage classes; None where there are none."""
    return objects if isinstance(objects, ColdStore) else None


def seems_archived(objects: ObjectStore, prefix: str) -> bool:
    """Say whether any of the first `SAMPLED` objects below `prefix` is archived.

    Packs are named by hashes, so these are drawn as if at random, whatever a lifecycle rule goes by: a share p of
    archived ones is missed with probability (1 - p)**1000, 0.004 % for 1 in 100. Who meets one of them is told then.
    """
    if cold_store(objects) is None:
        return False
    return any(one.storage_class in ARCHIVED for one in islice(objects.list(prefix), SAMPLED))


def temperatures(store: ColdStore, keys: Iterable[str], *, workers: int = 1) -> dict[str, Temperature]:
    """Ask for each object's temperature: one request an object."""
    listed = list(keys)
    return dict(zip(listed, each(store.temperature, listed, workers), strict=True))


def thaw_cost(storage_class: str, tier: Tier, days: int, count: int, size: int) -> float:
    """Return what thawing `count` objects of `size` bytes in all costs, with the copies for so many days."""
    price = THAW.get((storage_class, tier))
    if price is None:
        return 0.0
    copies = size / GB * COPY_PER_GB_MONTH * days / MONTH_DAYS
    return size / GB * price.per_gb + count / 1000 * price.per_thousand + copies


def lookup_cost(chunks: int) -> float:
    """Return what finding so many chunks costs: one consistent read of a small row each."""
    return chunks / 10**6 * READ_UNIT_PER_MILLION


def read_cost(storage_class: str, requests: int, size: int) -> float:
    """Return what reading `size` bytes in so many requests costs, transfer within the region being free."""
    per_thousand = GET_PER_THOUSAND.get(storage_class, GET_PER_THOUSAND[STANDARD])
    return requests / 1000 * per_thousand + size / GB * RETRIEVAL_PER_GB.get(storage_class, 0.0)


def thaw_wait(storage_class: str, tier: Tier) -> timedelta:
    """Return the longest a thaw typically takes."""
    price = THAW.get((storage_class, tier))
    return price.wait if price else timedelta()


def thaw_all(store: ColdStore, keys: Iterable[str], tier: Tier, days: int, clock: Clock, *, workers: int = 1) -> int:
    """Ask for all that cannot be read, wait until it can, and return how many that were.

    Killed while it waits, it may be repeated: what is under way is not asked for again.
    """
    cold = {key: at for key, at in temperatures(store, keys, workers=workers).items() if not at.readable}
    for _ in each(lambda key: store.thaw(key, tier, days), [key for key in cold if not cold[key].thawing], workers):
        pass
    waiting = list(cold)
    while waiting:
        waiting = [key for key, at in temperatures(store, waiting, workers=workers).items() if not at.readable]
        if waiting:
            clock.sleep(POLL.total_seconds())
    return len(cold)
