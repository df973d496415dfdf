"""What other programs were hurt by: odd names, sizes at powers of two, clocks that go back, files that change."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.manifest import load_manifest
from holdfast.backup.plan_restore import plan_restore
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.tree import content_of, walk
from holdfast.backup.verify import verify
from tests.support.backups import back_up, restored
from tests.support.clocks import FakeClock
from tests.support.repositories import any_repository, contents_of, noise
from tests.support.sources import Script, ScriptedSource

FOUR_GIB = 4 * 1024**3


def entry_of(repository: Repository, folder: Path, name: str) -> tuple[int, list[bytes | int]]:
    reader = ChunkReader(repository)
    manifest = load_manifest(repository, back_up(repository, folder).snapshot)
    (entry,) = [entry for path, entry in walk(reader, manifest.roots) if path[-1] == os.fsencode(name)]
    return entry.size, list(content_of(reader, entry))


@pytest.mark.parametrize("size", [0, 1, 2**15 - 1, 2**15, 2**19 - 1, 2**19, 2**19 + 1, 2**20 + 3])
def test_files_of_every_size_around_the_chunkers_limits_come_back(tmp_path: Path, size: int) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "file").write_bytes(noise(size))
    repository = any_repository()
    summary = back_up(repository, tmp_path / "s")
    restored(repository, summary.snapshot, tmp_path / "t")
    assert (tmp_path / "t" / "file").read_bytes() == noise(size)


@pytest.mark.parametrize("size", [FOUR_GIB - 4096, FOUR_GIB, FOUR_GIB + 4096])
def test_a_sparse_file_beyond_32_bits_is_stored_and_restored_as_a_hole(tmp_path: Path, size: int) -> None:
    (tmp_path / "s").mkdir()
    with (tmp_path / "s" / "sparse").open("wb") as file:
        file.write(b"begin" + bytes(4091))
        file.truncate(size)
        file.seek(size - 4096)
        file.write(b"end" + bytes(4093))
    if (tmp_path / "s" / "sparse").stat().st_blocks * 512 > 2**20:
        pytest.skip("this file system has no holes")
    repository = any_repository()
    found, content = entry_of(repository, tmp_path / "s", "sparse")
    assert found == size
    assert sum(item for item in content if isinstance(item, int)) == size - 2 * 4096
    (snapshot,) = repository.ledger.completed()
    assert plan_restore(repository, snapshot.id).bytes == size
    assert restored(repository, snapshot.id, tmp_path / "t").failed_count == 0
    target = tmp_path / "t" / "sparse"
    assert target.stat().st_size == size
    assert target.stat().st_blocks * 512 < 2**20
    with target.open("rb") as file:
        assert file.read(8) == b"begin\0\0\0"
        file.seek(size - 4096)
        assert file.read(8) == b"end\0\0\0\0\0"


def test_names_that_are_no_text_or_look_like_options_come_back(tmp_path: Path) -> None:
    names = [b"\xff\xfe", b"\xc3\x28", b"-rf", b"a\nb", b" ", b"*", b"\x7f\x1b[31m", b"..a", b"n" * 255, "é".encode()]
    folder = os.fsencode(tmp_path / "s")
    os.mkdir(folder)  # noqa: PTH102 - names are bytes
    for number, name in enumerate(names):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"%d" % number)
    repository = any_repository()
    restored(repository, back_up(repository, tmp_path / "s").snapshot, tmp_path / "t")
    target = os.fsencode(tmp_path / "t")
    assert sorted(os.listdir(target)) == sorted(names)  # noqa: PTH208
    for number, name in enumerate(names):
        assert Path(os.fsdecode(target + b"/" + name)).read_bytes() == b"%d" % number


def test_a_clock_that_goes_back_loses_nothing() -> None:
    """A machine that believes it is last year backs up, prunes, and is put right again."""
    repository = any_repository()
    now = repository.clock.now()
    first = {"file": noise(50_000)}
    scripts = {b"file": Script([first["file"]], fingerprint=b"1")}
    create_snapshot(repository, ScriptedSource(scripts), user="ann", host="host")
    past = repository._replace(clock=FakeClock(now - timedelta(days=400), step=timedelta(microseconds=1)))
    second = {"file": first["file"], "more": noise(40_000, 2)}
    scripts = {name.encode(): Script([data], fingerprint=b"1") for name, data in second.items()}
    late = create_snapshot(past, ScriptedSource(scripts), user="ann", host="host")
    prune(past, owner="then")
    prune(repository, owner="now")
    assert verify(repository, read_data=True).ok
    assert contents_of(repository, late.snapshot) == second
    assert len(repository.ledger.completed()) == 2


def test_a_session_of_the_future_is_not_fenced_by_one_of_the_past() -> None:
    """Two machines whose clocks differ by an hour: the slow one's prune must not end the fast one's session."""
    repository = any_repository()
    slow = repository._replace(clock=FakeClock(repository.clock.now() - timedelta(hours=1)))

    def prune_meanwhile(name: bytes) -> None:
        prune(slow, owner="slow")

    scripts = {b"%d" % n: Script([noise(30_000, n)]) for n in range(3)}
    source = ScriptedSource(scripts, on_entry=prune_meanwhile)
    summary = create_snapshot(repository, source, user="ann", host="host")
    assert verify(repository, read_data=True).ok
    assert len(contents_of(repository, summary.snapshot)) == 3


def test_a_file_that_shrinks_grows_and_vanishes_while_it_is_read_costs_only_itself() -> None:
    repository = any_repository()
    scripts = {
        b"steady": Script([b"steady"]),
        b"shrinks": Script([noise(90_000), noise(100)]),
        b"grows": Script([b"short", noise(90_000), noise(95_000)]),
        b"torn": Script([noise(200_000)], torn_after=100_000),
        b"vanishes": Script([b""], unreadable="it vanished"),
    }
    summary = create_snapshot(repository, ScriptedSource(scripts), user="ann", host="host")
    found = contents_of(repository, summary.snapshot)
    assert found.keys() == {"steady", "shrinks", "grows"}
    assert found["steady"] == b"steady"
    assert len(found["shrinks"]) in (90_000, 100)
    assert summary.skipped_count == 2
    assert not summary.is_complete
    assert verify(repository, read_data=True).ok


def test_links_with_several_names_and_long_targets_come_back(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "link").symlink_to("nowhere at all")
    os.link(source / "link", source / "its twin", follow_symlinks=False)
    (source / "long").symlink_to("/".join(["x" * 200] * 20))
    (source / ("n" * 255)).symlink_to("n" * 255)
    repository = any_repository()
    assert restored(repository, back_up(repository, source).snapshot, target).failed_count == 0
    for name in ("link", "its twin", "long", "n" * 255):
        assert (target / name).readlink() == (source / name).readlink()


@pytest.mark.parametrize("seconds", [-(2**31), -86_400, -1, 0, 2**31, 2**32 + 1])
def test_times_before_1970_and_after_2038_come_back(tmp_path: Path, seconds: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "file").write_bytes(b"x")
    (source / "link").symlink_to("file")
    when = seconds * 10**9 + 123_456_789
    for path in (source / "file", source / "link", source):
        os.utime(path, ns=(when, when), follow_symlinks=False)
    repository = any_repository()
    assert restored(repository, back_up(repository, source).snapshot, target).failed_count == 0
    for path in (source / "file", source / "link", source):
        assert (target / path.relative_to(source)).lstat().st_mtime_ns == path.lstat().st_mtime_ns
