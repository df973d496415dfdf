"""A file stored in parts has the items of one that was stored whole."""

from __future__ import annotations

import os
import time
from functools import partial
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.backup import large_file
from holdfast.backup.begun import FileSoFar, is_begun
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import ChunkId
from holdfast.backup.large_file import LargeFile, Part, StoredPart
from holdfast.backup.ports import PackKind
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.metadata import entry_of
from holdfast.backup.sources.open_file import OpenedFile
from holdfast.backup.store_file import FileStore
from tests.support.backups import HOUR_NS

LIMITS = ChunkLimits(256, 1024, 4096)
PART_BYTES = 16_384


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_file, "PART_BYTES", PART_BYTES)


class Named:
    """A writer that only names chunks, and remembers how much it was given."""

    def __init__(self) -> None:
        self.bytes = 0

    def add(self, kind: PackKind, plaintext: bytes | memoryview) -> ChunkId:
        self.bytes += len(plaintext) if kind is PackKind.DATA else 0
        return ChunkId(sha256(plaintext).digest())


def opening(path: Path) -> OpenedFile:
    settled = DirectorySource([os.fsencode(path)], now_ns=lambda: time.time_ns() + HOUR_NS)
    return settled.open_path(os.fsencode(path), ())


class Storing:
    """Stores one file in parts, whose order and repeats it counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = Named()
        self.files = FileStore(self.writer, LIMITS, b"a secret", lambda _: None)  # type: ignore[arg-type]
        self.large = self.begun()
        self.again: list[Part] = []

    def begun(self, before: Entry | None = None) -> LargeFile:
        """Begin the file, or go on with what `before` notes of it."""
        found = entry_of(b"file", self.path.stat())
        assert found is not None
        so_far = FileSoFar(found, self.files.emit)
        if before is not None:
            assert is_begun(found, before)
            items = [item for item in before.content if before.levels == 0]
            so_far = FileSoFar(found, self.files.emit, items, before.size)
        self.so_far = so_far
        return LargeFile(found.size, LIMITS.average, so_far)

    def part(self, part: Part) -> StoredPart:
        return self.files.store_part(partial(opening, self.path), part)

    def whole(self) -> Entry:
        return self.files.store(partial(opening, self.path)).entry

    def in_parts(self, order: Random) -> Entry:
        parts = list(self.large.parts())
        order.shuffle(parts)
        while parts:
            assert not self.large.is_whole
            part = parts.pop()
            again = self.large.take(part, self.part(part))
            if again is not None:
                self.again.append(again)
                parts.append(again)
        assert self.large.is_whole
        assert not self.large.has_changed
        return self.large.entry()


@st.composite
def _files(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Runs of noise, of one byte, and holes."""
    kinds = st.sampled_from(["noise", "same", "hole"])
    return draw(st.lists(st.tuples(kinds, st.integers(1, 90_000), st.integers(0, 9)), min_size=1, max_size=5))


def write(path: Path, runs: list[tuple[str, int, int]]) -> Path:
    with path.open("wb") as file:
        for kind, length, seed in runs:
            if kind == "hole":
                file.seek(length, os.SEEK_CUR)
            else:
                file.write(Random(seed).randbytes(length) if kind == "noise" else bytes([seed]) * length)
        file.truncate(file.tell())
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=_files(), order=st.randoms(use_true_random=False))
def test_parts_in_any_order_give_the_entry_of_the_whole(
    tmp_path: Path, runs: list[tuple[str, int, int]], order: Random
) -> None:
    storing = Storing(write(tmp_path / "file", runs))
    assert storing.in_parts(order) == storing.whole()


def test_parts_of_noise_fall_into_step_and_each_byte_is_stored_once(tmp_path: Path) -> None:
    storing = Storing(write(tmp_path / "file", [("noise", 400_000, 1)]))
    storing.in_parts(Random(2))
    assert storing.writer.bytes == 400_000
    assert not storing.again


def test_a_part_that_is_out_of_step_is_stored_again_from_where_the_one_before_it_ends(tmp_path: Path) -> None:
    storing = Storing(write(tmp_path / "file", [("noise", 5000, 1), ("same", 100_000, 7), ("noise", 60_000, 2)]))
    assert storing.in_parts(Random(3)) == storing.whole()
    assert storing.again
    assert all(part.start == part.begin for part in storing.again)


def test_a_part_within_a_hole_has_nothing(tmp_path: Path) -> None:
    storing = Storing(write(tmp_path / "file", [("noise", 5000, 1), ("hole", 1_000_000, 0), ("noise", 5000, 2)]))
    if storing.path.stat().st_blocks * 512 >= storing.path.stat().st_size:
        pytest.skip("this file system keeps no holes")
    assert not storing.part(Part(500_000, 501_000, 517_384)).items
    assert storing.in_parts(Random(1)) == storing.whole()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=_files(), order=st.randoms(use_true_random=False), share=st.floats(0, 1))
def test_a_file_gone_on_with_is_the_entry_of_the_whole_and_nothing_stored_is_read_again(
    tmp_path: Path, runs: list[tuple[str, int, int]], order: Random, share: float
) -> None:
    storing = Storing(write(tmp_path / "file", runs))
    for part in islice(storing.large.parts(), int(share * 10)):
        again = storing.large.take(part, storing.part(part))
        if again is not None:
            storing.large.take(again, storing.part(again))
    noted = storing.so_far.entry()
    assert (noted is None) is (storing.so_far.size == 0)
    if noted is not None:
        storing.large = storing.begun(noted)
        assert next(storing.large.parts()).start == noted.size
    assert storing.in_parts(order) == storing.whole()


@pytest.mark.parametrize("size", [100_000, 90_000, 150_000])
def test_what_is_stored_of_a_file_that_changed_since_is_not_gone_on_with(tmp_path: Path, size: int) -> None:
    storing = Storing(write(tmp_path / "file", [("noise", 100_000, 1)]))
    for part in islice(storing.large.parts(), 3):
        storing.large.take(part, storing.part(part))
    noted = storing.so_far.entry()
    assert noted is not None
    going_on = storing.begun(noted)
    storing.path.write_bytes(Random(5).randbytes(size))
    os.utime(storing.path, ns=(5, 5))
    found = entry_of(b"file", storing.path.stat())
    assert found is not None
    assert not is_begun(found, noted)
    first = next(going_on.parts())  # listed before it changed, opened after
    going_on.take(first, storing.part(first))
    assert going_on.has_changed


@pytest.mark.parametrize("size", [100_000, 90_000, 150_000])
def test_a_file_that_changes_between_two_parts_is_noticed(tmp_path: Path, size: int) -> None:
    storing = Storing(write(tmp_path / "file", [("noise", 100_000, 1)]))
    first, *rest = storing.large.parts()
    storing.large.take(first, storing.part(first))
    storing.path.write_bytes(Random(5).randbytes(size))
    os.utime(storing.path, ns=(5, 5))
    for part in rest:
        storing.large.take(part, storing.part(part))
    assert storing.large.has_changed


def test_a_file_of_any_size_has_a_bounded_number_of_parts() -> None:
    found = Entry(name=b"file", kind=EntryKind.FILE, size=10**12)
    large = LargeFile(10**12, LIMITS.average, FileSoFar(found, lambda _: ChunkId(b"")))
    parts = list(large.parts())
    assert len(parts) <= large_file.MOST_PARTS
    assert parts[0].begin == 0
    assert parts[-1].end == 10**12
    assert all(one.end == next_.begin for one, next_ in pairwise(parts))
