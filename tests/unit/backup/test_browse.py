"""A repository as a read-only file system, without a kernel."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from holdfast.backup.browse import Browser
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import ChunkId
from holdfast.backup.ports import PackKind
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.cli.file_system import FileSystem
from tests.support.backups import back_up
from tests.support.repositories import any_repository, flip, noise
from tests.support.trees import File, Folder, Link, make

SMALL_CHUNKS = ChunkLimits(64, 256, 1024)
DATA = noise(40_000)
TREE = Folder(
    {
        b"a.txt": File((b"hello",), mode=0o640),
        b"\xff\n": File((b"odd name",)),
        b"large": File((DATA[:20_000], 12_288, DATA[20_000:])),
        b"sub": Folder({b"deep": Folder({b"b": File((b"b" * 5000,))})}),
        b"link": Link(b"a.txt"),
    }
)


def mounted(repository: Repository) -> FileSystem:
    return FileSystem(Browser(repository), uid=1, gid=2)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = any_repository(SMALL_CHUNKS)
    back_up(repository, make(TREE, tmp_path / "source"))
    return repository


def snapshot_names(files: FileSystem) -> list[str]:
    return [name for name in files.readdir("/", 0) if name not in (".", "..", "latest")]


def failure(path: str, files: FileSystem) -> int | None:
    with pytest.raises(OSError) as caught:
        files.getattr(path)
    return caught.value.errno


def test_each_snapshot_is_a_folder_and_latest_leads_to_the_newest(repository: Repository, tmp_path: Path) -> None:
    files = mounted(repository)
    (first,) = snapshot_names(files)
    assert first.startswith("2026-11-21T02-00-00Z-")
    back_up(repository, tmp_path / "source")
    assert snapshot_names(files) == [first]  # the list is kept for a second
    repository.clock.sleep(1)
    both = snapshot_names(files)
    assert len(both) == 2
    assert "latest" in files.readdir("/", 0)
    assert files.readlink("/latest") == both[0]
    assert stat.S_ISLNK(files.getattr("/latest")["st_mode"])


def test_an_empty_repository_is_an_empty_folder() -> None:
    files = mounted(any_repository())
    assert files.readdir("/", 0) == [".", ".."]
    assert stat.S_ISDIR(files.getattr("/")["st_mode"])
    assert failure("/latest", files) == errno.ENOENT


def test_a_tree_is_walked_read_and_linked(repository: Repository, tmp_path: Path) -> None:
    files = mounted(repository)
    top = "/" + snapshot_names(files)[0]
    assert sorted(files.readdir(top, 0)) == sorted([".", "..", "a.txt", "\udcff\n", "large", "link", "sub"])
    assert files.read(f"{top}/a.txt", 100, 0, 0) == b"hello"
    assert files.read(f"{top}/\udcff\n", 3, 4, 0) == b"nam"
    assert files.read(f"{top}/sub/deep/b", 10_000, 0, 0) == b"b" * 5000
    assert files.readlink(f"{top}/link") == "a.txt"
    assert files.getattr(f"{top}/link")["st_size"] == len("a.txt")
    found, real = files.getattr(f"{top}/a.txt"), (tmp_path / "source" / "a.txt").stat()
    assert (found["st_mode"], found["st_size"], found["st_uid"]) == (real.st_mode, 5, real.st_uid)
    assert found["st_mtime"] == real.st_mtime_ns


def test_any_part_of_a_file_with_holes_is_read(repository: Repository, tmp_path: Path) -> None:
    files = mounted(repository)
    path = f"/{snapshot_names(files)[0]}/large"
    whole = (tmp_path / "source" / "large").read_bytes()
    random = Random(1)
    assert files.read(path, len(whole) + 9, 0, 0) == whole
    for _ in range(200):
        at, size = random.randrange(len(whole) + 50), random.randrange(9000)
        assert files.read(path, size, at, 0) == whole[at : at + size]


def pieces_read(repository: Repository, size: int) -> Iterator[tuple[int, bytes]]:
    files = mounted(repository)
    path = f"/{snapshot_names(files)[0]}/large"
    for at in range(0, files.getattr(path)["st_size"], size):
        yield at, files.read(path, size, at, 0)


def test_a_file_is_read_ahead_in_fewer_requests_than_chunks(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    fetch = ChunkReader.fetch

    def counted(reader: ChunkReader, chunks: Sequence[ChunkId]) -> Iterator[tuple[ChunkId, bytes]]:
        asked.append(len(chunks))
        return fetch(reader, chunks)

    monkeypatch.setattr(ChunkReader, "fetch", counted)
    whole = (tmp_path / "source" / "large").read_bytes()
    assert b"".join(data for _, data in pieces_read(repository, 1000)) == whole
    assert max(asked) > 40
    assert len(asked) < 20


def test_damage_further_on_does_not_keep_what_comes_before_from_being_read(tmp_path: Path) -> None:
    repository, whole, good = any_repository(), noise(1_000_000), 0
    back_up(repository, make(Folder({b"large": File((whole,))}), tmp_path / "source"))
    (row,) = (row for row in repository.index.packs() if row.kind is PackKind.DATA)
    flip(repository, f"packs/{row.pack[:2]}/{row.pack}", 900_000)
    with pytest.raises(OSError, match="fails authentication"):  # noqa: PT012 - somewhere on the way
        for at, data in pieces_read(repository, 10_000):
            assert data == whole[at : at + 10_000]
            good += 1
    assert good > 5


def test_several_sources_are_below_their_full_paths(tmp_path: Path) -> None:
    repository = any_repository()
    for name in ("one", "two"):
        make(TREE, tmp_path / name)
    back_up(repository, tmp_path / "one", tmp_path / "two", tmp_path / "two" / "a.txt")
    files = mounted(repository)
    top = f"/{snapshot_names(files)[0]}{tmp_path}"
    assert files.readdir(top, 0)[2:] == ["one", "two"]
    assert files.read(f"{top}/one/a.txt", 9, 0, 0) == b"hello"
    assert files.getattr(top)["st_uid"] == 1


def test_extended_attributes_are_shown(tmp_path: Path) -> None:
    source = make(Folder({b"a": File((b"x",))}), tmp_path / "source")
    try:
        os.setxattr(source / "a", "user.colour", b"blue")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    repository = any_repository()
    back_up(repository, source)
    files = mounted(repository)
    path = f"/{snapshot_names(files)[0]}/a"
    assert files.listxattr(path) == ["user.colour"]
    assert files.getxattr(path, "user.colour") == b"blue"
    with pytest.raises(OSError, match="no such attribute"):
        files.getxattr(path, "user.other")


def test_what_cannot_be_done_is_an_error_number(repository: Repository) -> None:
    files = mounted(repository)
    top = "/" + snapshot_names(files)[0]
    assert failure("/nowhere", files) == errno.ENOENT
    assert failure(f"{top}/nowhere", files) == errno.ENOENT
    assert failure(f"{top}/a.txt/below", files) == errno.ENOENT
    for call, number in (
        (lambda: files.readdir(f"{top}/a.txt", 0), errno.ENOTDIR),
        (lambda: files.readlink(f"{top}/a.txt"), errno.EINVAL),
        (lambda: files.open(f"{top}/a.txt", os.O_RDWR), errno.EROFS),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == number
    assert files.open(f"{top}/a.txt", os.O_RDONLY) == 0


def test_a_damaged_file_is_an_input_output_error_and_never_false_bytes(repository: Repository) -> None:
    for row in list(repository.index.packs()):
        if row.kind is PackKind.DATA:
            flip(repository, f"packs/{row.pack[:2]}/{row.pack}", 60)
    told: list[str] = []
    files = FileSystem(Browser(repository), uid=1, gid=2, on_failure=lambda path, why: told.append(f"{path}: {why}"))
    top = "/" + snapshot_names(files)[0]
    for _ in range(2):
        with pytest.raises(OSError) as caught:
            files.read(f"{top}/a.txt", 5, 0, 0)
        assert caught.value.errno == errno.EIO
    (line,) = told
    assert line.startswith(f"{top}/a.txt: pack ")
