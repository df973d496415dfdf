"""A store that answers with other bytes than were put: whoever reads says so, and gives nothing false back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryObjects
from holdfast.backup.verify import verify
from holdfast.errors import HoldfastError
from tests.support.backups import back_up, restored
from tests.support.repositories import any_repository, noise

Lie = Callable[[bytes, Random], bytes]


def short(data: bytes, dice: Random) -> bytes:
    return data[: dice.randrange(len(data))]


def empty(data: bytes, dice: Random) -> bytes:
    return b""


def long(data: bytes, dice: Random) -> bytes:
    return data + b"\0" * dice.randrange(1, 100)


def zeros(data: bytes, dice: Random) -> bytes:
    """What a file system shows after a power cut where it knew the length and not the bytes."""
    at = dice.randrange(len(data))
    return data[:at] + bytes(len(data) - at)


def shifted(data: bytes, dice: Random) -> bytes:
    return data[1:] + b"\0"


def page_lost(data: bytes, dice: Random) -> bytes:
    at = 4096 * dice.randrange(len(data) // 4096 + 1)
    return data[:at] + data[at + 4096 :]


LIES: list[Lie] = [short, empty, long, zeros, shifted, page_lost]


class Lying(MemoryObjects):
    """Tells the truth until the `at`-th read, which it answers with a lie."""

    def __init__(self, honest: MemoryObjects, lie: Lie, at: int, dice: Random) -> None:
        super().__init__()
        self.objects = honest.objects
        self._lie, self._at, self._dice = lie, at, dice
        self.reads = 0
        self.lied = False

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        data = super().get(key, start, length)
        self.reads += 1
        if self.reads != self._at or not data:
            return data
        told = self._lie(data, self._dice)
        self.lied = told != data
        return told


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Repository, Any, Path]:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for number in range(6):
        (source / "sub" / f"{number}").write_bytes(noise(70_000, number))
    (source / "text").write_bytes(b"a line of text\n" * 5_000)
    repository = any_repository()
    return repository, back_up(repository, source).snapshot, source


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_restore_never_writes_what_was_not_backed_up(
    tmp_path: Path, whole: tuple[Repository, Any, Path], lie: Lie
) -> None:
    repository, snapshot, source = whole
    assert isinstance(repository.objects, MemoryObjects)
    lied = 0
    for at in range(1, 12):
        lying = Lying(repository.objects, lie, at, Random(at))
        target = tmp_path / f"target {at}"
        failed = 0
        try:
            failed = restored(repository._replace(objects=lying), snapshot, target).failed_count
        except HoldfastError:
            failed = 1
        for path in target.rglob("*"):
            if path.is_file():
                assert path.read_bytes() == (source / path.relative_to(target)).read_bytes()
        missing = {path.relative_to(source) for path in source.rglob("*")} - {
            path.relative_to(target) for path in target.rglob("*")
        }
        assert not missing or failed, f"{missing} left out in silence"
        lied += lying.lied
    assert lied >= 2


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_backup_beside_a_lying_store_is_whole(whole: tuple[Repository, Any, Path], lie: Lie) -> None:
    """What it reads of the snapshot before only saves work: what it cannot read it stores anew."""
    repository, _, source = whole
    assert isinstance(repository.objects, MemoryObjects)
    (source / "new").write_bytes(b"new")
    lied = 0
    for at in range(1, 6):
        lying = Lying(repository.objects, lie, at, Random(at))
        try:
            back_up(repository._replace(objects=lying), source)
        except HoldfastError:
            continue
        finally:
            lied += lying.lied
        assert verify(repository, read_data=True).ok
    assert lied >= 1
