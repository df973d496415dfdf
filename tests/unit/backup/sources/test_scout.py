"""Looking ahead in another process changes who looks at a folder, and nothing of what is found."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.sources import Counted, Skipped, SourceEntry, directory
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.sources.exclude import Exclude
from holdfast.backup.sources.listing import list_folder
from holdfast.backup.sources.scout import Report, Scout, Share, Tell
from tests.support.backups import source_of
from tests.support.many_files import fill
from tests.support.processes import forks_noted, none_is_left

Found = list[SourceEntry | Skipped]


def reported(name: bytes) -> Report:
    return Report((name,), Entry(name, EntryKind.DIRECTORY, mtime_ns=5, fingerprint=b"f"), Counted(1, 2, 3, 4), [b"x"])


def telling(*names: bytes) -> Callable[[Tell], None]:
    def look(tell: Tell) -> None:
        for name in names:
            tell(*reported(name))

    return look


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "MANY_FOLDERS", 2)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    with forks_noted() as pids:
        yield
    assert none_is_left(pids)


def walked(source: DirectorySource, *, ahead: int, unchanged: Callable[[Entry], bool] = lambda folder: True) -> Found:
    if ahead:
        source.look_ahead(ahead)
    source.reuse_folders(lambda path, folder, counted: unchanged(folder))
    found = [item for root in source.paths for item in source.entries(root)]
    source.close()
    return found


def test_what_was_told_is_found_in_order() -> None:
    names = [b"%04d" % number for number in range(1000)]
    scout = Scout(telling(*names))
    assert scout.find((b"0000",)) == reported(b"0000")
    assert scout.find((b"0001 was not told",)) is None
    assert scout.find((b"0999",)) == reported(b"0999")
    assert scout.find((b"1000",)) is None
    scout.close()


def test_a_scout_that_is_killed_or_fails_has_nothing_more_to_tell() -> None:
    def fails(tell: Tell) -> None:
        tell(*reported(b"a"))
        raise ValueError("this cannot be looked at")

    for look in (fails, lambda tell: os.kill(os.getpid(), signal.SIGKILL)):
        scout = Scout(look)
        assert scout.find((b"a",)) is None
        scout.close()


@pytest.mark.parametrize(
    "unchanged", [lambda _: True, lambda folder: folder.name in (b"source", b"d1", b"e0"), lambda _: False]
)
@pytest.mark.parametrize("scouts", [1, 2, 5])
def test_the_same_is_found_with_scouts_and_without(
    unchanged: Callable[[Entry], bool], scouts: int, tmp_path: Path
) -> None:
    source = source_of(fill(tmp_path / "source"))
    assert walked(source, ahead=scouts, unchanged=unchanged) == walked(source, ahead=0, unchanged=unchanged)


@pytest.mark.parametrize(
    "options",
    [
        {"exclude": Exclude([b"e0", b"/d1", b"*7"])},
        {"exclude_caches": True},
        {"one_file_system": True},
        {"avoided": "d2/e1"},
        {"now_ns": lambda: 2},
        {"most_listed": 3},
    ],
    ids=lambda options: "".join(options),
)
def test_scouts_leave_out_what_the_backup_would(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fill(tmp_path / "source")
    (folder / "d3" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55")
    with socket(AF_UNIX) as bound:
        monkeypatch.chdir(folder / "d4")
        bound.bind("a socket")
    if avoided := options.pop("avoided", None):
        status = (folder / avoided).stat()
        options = {"avoid": [(status.st_dev, status.st_ino)]}
    monkeypatch.setattr("holdfast.backup.sources.listing.MOST_LISTED", options.pop("most_listed", 4096))
    source = source_of(folder, **options)
    found = walked(source, ahead=2)
    assert found == walked(source, ahead=0)
    assert len(found) > 10


@pytest.mark.parametrize("scouts", [1, 2, 5])
def test_each_of_several_roots_is_looked_at_ahead(scouts: int, tmp_path: Path) -> None:
    roots = [fill(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "one-two", "three"), 1)]
    (tmp_path / "a file").write_bytes(b"")
    source = source_of(*roots, tmp_path / "a file")
    ahead = walked(source, ahead=scouts)
    assert ahead == walked(source, ahead=0)
    assert sum(isinstance(item, SourceEntry) and item.path == () and item.reused is not None for item in ahead) == 3


@pytest.mark.parametrize("scouts", [1, 2])
def test_unchanged_folders_are_listed_by_the_scouts_alone(
    scouts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[int] = []

    def noting(fd: int, *arguments: object) -> object:
        listed.append(fd)
        return list_folder(fd, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(directory, "list_folder", noting)
    source = source_of(fill(tmp_path / "source"))
    found = walked(source, ahead=scouts)
    assert sum(isinstance(item, SourceEntry) and item.reused is not None for item in found) > 10
    assert listed == []


def test_what_changes_behind_the_scout_s_back_is_looked_at_again(tmp_path: Path) -> None:
    source = source_of(fill(tmp_path / "source"))
    source.look_ahead()
    source.reuse_folders(lambda path, folder, counted: True)
    found: Found = []
    for item in source.entries(source.paths[0]):
        found.append(item)
        if isinstance(item, SourceEntry) and item.path == (b"d0",):
            time.sleep(0.2)  # the scout is far ahead now
            (tmp_path / "source" / "d1").rename(tmp_path / "d1")
            (tmp_path / "source" / "d1").write_bytes(b"a file now")
            (tmp_path / "source" / "d2").rename(tmp_path / "d2")
    source.close()
    kinds = {item.path: item.entry.kind for item in found if isinstance(item, SourceEntry)}
    assert kinds[b"d1",] is EntryKind.FILE
    assert [item.path.rsplit(b"/", 1)[1] for item in found if isinstance(item, Skipped)] == [b"d2"]
    assert (b"d3", b"e0") in kinds


def test_a_file_of_the_year_2400_is_listed_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "far").write_bytes(b"")
    os.utime(tmp_path / "far", ns=(0, 13_569_465_600 * 10**9))
    source = source_of(tmp_path)
    (folder,) = walked(source, ahead=0)
    assert isinstance(folder, SourceEntry)
    assert folder.reused == Counted(files=1)


@pytest.mark.parametrize(("many", "looking"), [(9, 2), (10, 0)])
def test_nobody_looks_ahead_at_few_folders(
    many: int, looking: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/b/c", "d/e", "f/g/h"):  # with the root nine
        (tmp_path / "source" / name).mkdir(parents=True)
    (tmp_path / "source" / "file").touch()
    monkeypatch.setattr(directory, "MANY_FOLDERS", many)
    source = source_of(tmp_path / "source")
    with forks_noted() as pids:
        source.look_ahead(2)
    assert len(pids) == looking
    source.close()


def test_each_folder_is_in_one_share_and_reached_by_it() -> None:
    shares = [Share(number, 3) for number in range(3)]
    for path in ((b"/",), (b"/", b"a"), *((b"/", b"a", b"%d" % one) for one in range(99))):
        (mine,) = [share for share in shares if share.has(path)]
        for depth in range(1, len(path) + 1):
            assert mine.reaches(path[:depth])
        below = (*path, b"b", b"c", b"d")
        (mine,) = [share for share in shares if share.has(below)]
        assert all(mine.reaches(below[:depth]) for depth in range(1, len(below)))
