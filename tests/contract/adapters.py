"""Every adapter of the engine's ports, by name: a suite runs on each, and one that is missing is a visible skip."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.backup.ports import ChunkIndex, Ledger, ObjectStore
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue


@dataclass(frozen=True)
class Stores:
    """One repository's stores, through one handle; `reopen` gives another handle on the same state."""

    objects: ObjectStore
    index: ChunkIndex
    ledger: Ledger
    reopen: Callable[[], Stores]


def memory_stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    catalogue = MemoryCatalogue()
    made = Stores(MemoryObjects(), catalogue, catalogue, lambda: made)
    yield made


def local_stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    folder: Path = request.getfixturevalue("tmp_path")
    opened: list[SqliteCatalogue] = []

    def make() -> Stores:
        opened.append(SqliteCatalogue(folder / "catalogue.sqlite", busy_seconds=20))
        return Stores(LocalObjects(folder), opened[-1], opened[-1], make)

    yield make()
    for catalogue in opened:
        catalogue.close()


def aws_stores(request: pytest.FixtureRequest, **changes: str) -> Iterator[Stores]:
    try:
        support = importlib.import_module("tests.support.aws_stores")
    except ImportError as error:
        pytest.skip(f"no AWS adapters here: {error}")
    made = support.make_stores(request.getfixturevalue("aws"), **changes)

    def make() -> Stores:
        return Stores(made.objects, made.index, made.ledger, make)

    yield make()


def archive_stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """The AWS adapters on a backup archive's tables, whose hash has another name."""
    yield from aws_stores(request, hash_attribute="fileHash")


ADAPTERS = [
    pytest.param(memory_stores, id="memory"),
    pytest.param(local_stores, id="local"),
    pytest.param(aws_stores, id="aws", marks=pytest.mark.emulator),
    pytest.param(archive_stores, id="aws-archive", marks=pytest.mark.emulator),
]


@pytest.fixture(params=ADAPTERS)
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Fresh stores of each adapter in turn."""
    yield from request.param(request)
