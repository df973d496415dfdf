"""A source that others change while it is backed up: the snapshot is whole, and tells what is not in it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.entry import EntryKind
from holdfast.backup.folders import MAX_OPEN
from holdfast.backup.manifest import load_manifest
from holdfast.backup.reader import ChunkReader
from holdfast.backup.sources import Skipped, SourceEntry
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.open_file import OpenedFile
from holdfast.backup.tree import walk
from holdfast.backup.verify import verify
from tests.support.backups import back_up, restored, source_of
from tests.support.repositories import any_repository

ROUNDS = 12


def change(folder: Path, dice: Random) -> None:
    """Do one thing to the folder, as users do; what is gone already is no error."""
    name = folder / f"d{dice.randrange(4)}" / f"{dice.randrange(12)}"
    what = dice.randrange(7)
    with suppress(OSError):
        if what == 0:
            name.write_bytes(dice.randbytes(dice.choice((0, 10, 50_000))))
        elif what == 1:
            name.unlink()
        elif what == 2:
            name.rename(name.with_name(f"{dice.randrange(12)}"))
        elif what == 3:
            shutil.rmtree(name.parent)
        elif what == 4:
            name.parent.mkdir()
        elif what == 5:
            name.symlink_to("/etc/passwd")
        else:
            name.parent.rename(folder / f"d{dice.randrange(4)}")


@contextmanager
def restless(folder: Path, seed: int) -> Iterator[None]:
    """Change the folder all the time, from another thread."""
    is_over = threading.Event()

    def run() -> None:
        dice = Random(seed)
        while not is_over.is_set():
            change(folder, dice)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_folder_that_is_changed_all_the_time_gives_whole_snapshots(tmp_path: Path) -> None:
    source = tmp_path / "source"
    dice = Random(1)
    for number in range(48):
        path = source / f"d{number % 4}" / f"{number // 4}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(20_000))
    (source / "steady").write_bytes(b"steady" * 20_000)
    repository = any_repository()
    for round_ in range(ROUNDS):
        with restless(source, round_):
            summary = back_up(repository, source)
        target = tmp_path / f"back {round_}"
        assert restored(repository, summary.snapshot, target).failed_count == 0
        assert (target / "steady").read_bytes() == b"steady" * 20_000
        links = [path for path in target.rglob("*") if path.is_symlink()]
        assert all(os.fspath(path.readlink()) == "/etc/passwd" for path in links)
    assert verify(repository, read_data=True).ok


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_of_a_deep_chain_that_is_moved_about_is_backed_up_or_named(tmp_path: Path, seed: int) -> None:
    source, dice, depth = tmp_path / "source", Random(seed), MAX_OPEN + 40
    at = source
    for number in range(depth):
        at /= str(number)
        at.mkdir(parents=True)
        (at / "z").write_bytes(b"%d" % number)
    moved = [dice.randrange(1, depth) for _ in range(dice.randrange(1, 5))]

    class Moving(DirectorySource):
        """Moves folders of the chain away or aside when the walk is at its bottom."""

        def entries(self, root: bytes) -> Iterator[SourceEntry | Skipped]:
            for item in super().entries(root):
                yield item
                if isinstance(item, SourceEntry) and len(item.path) == depth + 1 and item.entry.name == b"z":
                    for number in moved:
                        move(number)

    def move(number: int) -> None:
        path = source.joinpath(*map(str, range(number + 1)))
        with suppress(OSError):
            path.rename(dice.choice([tmp_path, path.parents[dice.randrange(number)]]) / f"moved {number}")

    repository = any_repository()
    summary = create_snapshot(repository, Moving([os.fsencode(source)]), user="u", host="h")
    files = [path for path, _ in walk(ChunkReader(repository), load_manifest(repository, summary.snapshot).roots)]
    kept = {len(path) - 3 for path in files if path[-1] == b"z"}
    named = {skipped.path.count(b"/") - os.fsencode(source).count(b"/") - 1 for skipped in summary.skipped}
    assert sorted([*kept, *named]) == list(range(depth)), "each file is in the snapshot, or its folder is named"
    assert kept >= set(range(min(moved))), "what is above all that moved is whole"
    assert summary.skipped_count == len(named)


@pytest.mark.parametrize("kind", ["link", "file", "gone"])
def test_a_folder_swapped_before_it_is_entered_is_not_followed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"secret")
    source = tmp_path / "source"
    for name in ("a", "b"):
        (source / name).mkdir(parents=True)
        (source / name / "file").write_bytes(b"x")
    of = source_of(source)
    paths = set()
    for item in of.entries(of.paths[0]):
        if isinstance(item, Skipped):
            continue
        paths.add(item.path)
        if item.path == (b"a",):
            shutil.rmtree(source / "b")
            if kind == "link":
                (source / "b").symlink_to(tmp_path / "secret")
            elif kind == "file":
                (source / "b").write_bytes(b"now a file")
        if item.path == (b"b",):
            assert item.entry.kind is (EntryKind.SYMLINK if kind == "link" else EntryKind.FILE)
    assert (b"b", b"key") not in paths
    assert (b"a", b"file") in paths
    assert ((b"b",) in paths) is (kind != "gone")


def test_a_pipe_that_nobody_writes_to_in_a_files_place_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    repository, swapped = any_repository(), []

    class Swapping(DirectorySource):
        """Puts a pipe where a file was listed, just before it is opened."""

        def open(self, item: SourceEntry) -> OpenedFile:
            (tmp_path / "file").unlink()
            os.mkfifo(tmp_path / "file")
            swapped.append(item.path)
            return super().open(item)

    summary = create_snapshot(repository, Swapping([os.fsencode(tmp_path)]), user="u", host="h")
    assert swapped == [(b"file",)]
    assert [skipped.reason for skipped in summary.skipped] == ["it is no longer a file"]


def test_what_was_skipped_is_not_taken_from_the_snapshot_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(b"before")
    repository = any_repository()
    back_up(repository, source)
    (source / "file").write_bytes(b"after, and longer")
    honest = os.open

    def refusing(path: object, *arguments: object, **options: object) -> int:
        if path == b"file":
            raise PermissionError(13, "Permission denied")
        return honest(path, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        summary = back_up(repository, source)
    assert [skipped.reason for skipped in summary.skipped] == ["permission denied"]
    paths = [path for path, _ in walk(ChunkReader(repository), load_manifest(repository, summary.snapshot).roots)]
    assert paths == [(b"source",)]
