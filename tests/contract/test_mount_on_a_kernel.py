"""`holdfast mount` on this machine's kernel; skipped, with the reason, where it may not or cannot mount."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from holdfast.cli.mount import fuse_library
from holdfast.errors import HoldfastError
from tests.support.patience import PATIENCE_SECONDS
from tests.support.repositories import noise
from tests.support.trees import Fifo, File, Folder, Link, Tree, make, picture

BIG = noise(3_000_000, 7)
TREE: Tree = Folder(
    {
        b"a.txt": File((b"hello",), mode=0o640),
        b"odd \xff\n": File((b"odd name",), mode=0o4711, mtime_ns=1),
        b"big": File((BIG[:1_000_000], 40_960, BIG[1_000_000:])),
        b"link": Link(b"sub/many"),
        b"fifo": Fifo(),
        b"sub": Folder({b"%d" % number: File((noise(number * 10, number),)) for number in range(300)}, mode=0o750),
    }
)
NOT_ALLOWED = ("not permitted", "Permission denied")


def holdfast(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "holdfast", *arguments]


@contextmanager
def mounted(repo: Path, on: Path) -> Iterator[subprocess.Popen[str]]:
    """Mount in a process of its own, which must end with status 0 once the block has unmounted; none is left."""
    on.mkdir(exist_ok=True)
    command = holdfast("mount", str(on), "--repo", str(repo))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        if not told.startswith("mounted on"):
            told += process.communicate(timeout=PATIENCE_SECONDS)[1]
            if any(reason in told for reason in NOT_ALLOWED):
                pytest.skip(f"mounting is not allowed here: {told.strip()}")
            pytest.fail(told)
        yield process
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()
        if os.path.ismount(on):
            subprocess.run(["umount", "--lazy", str(on)], check=False)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    try:
        fuse_library()
    except HoldfastError as error:
        pytest.skip(f"no FUSE here: {error}")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse may not be opened here")
    monkeypatch.setenv("HOLDFAST_PASSWORD", "correct horse")
    make(TREE, tmp_path / "source")
    repo = tmp_path / "repo"
    subprocess.run(holdfast("repo", "create", str(repo), "--quiet"), check=True, stdout=subprocess.DEVNULL)
    backup = holdfast("backup", str(tmp_path / "source"), "--repo", str(repo), "--quiet", "--jobs", "1")
    subprocess.run(backup, check=True, stdout=subprocess.DEVNULL)
    return repo


def unmount(process: subprocess.Popen[str], on: Path) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_SECONDS)
    assert not os.path.ismount(on)


def test_all_that_was_backed_up_is_there_for_many_readers_until_ctrl_c(repo: Path, tmp_path: Path) -> None:
    on = tmp_path / "mnt"
    with mounted(repo, on) as process:
        assert len(list(on.iterdir())) == 2
        assert picture((on / "latest").resolve(), links=False) == picture(tmp_path / "source", links=False)

        def part_is_the_same(seed: int) -> bool:
            at, size = Random(seed).randrange(3_100_000), Random(-seed).randrange(1, 200_000)
            with (on / "latest" / "big").open("rb") as theirs, (tmp_path / "source" / "big").open("rb") as ours:
                return os.pread(theirs.fileno(), size, at) == os.pread(ours.fileno(), size, at)

        with ThreadPoolExecutor(8) as readers:
            assert all(readers.map(part_is_the_same, range(64)))
        with pytest.raises(OSError, match="Read-only") as refused:
            (on / "latest" / "new").touch()
        assert refused.value.errno == errno.EROFS
        unmount(process, on)


def test_a_damaged_chunk_is_an_error_in_its_file_alone_and_never_false_bytes(repo: Path, tmp_path: Path) -> None:
    on = tmp_path / "mnt"
    pack = max((repo / "packs").rglob("*"), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[1_500_000] ^= 1  # within `big`: one process packs the files by name
    pack.unlink()
    pack.write_bytes(data)
    with mounted(repo, on) as process:
        with pytest.raises(OSError) as damaged:
            (on / "latest" / "big").read_bytes()
        assert damaged.value.errno == errno.EIO
        assert process.stderr is not None
        assert "/big: pack " in process.stderr.readline()
        assert picture(on / "latest" / "sub") == picture(tmp_path / "source" / "sub")
        unmount(process, on)


def test_sigterm_ends_it_at_once_though_nobody_asks_for_anything(repo: Path, tmp_path: Path) -> None:
    on = tmp_path / "mnt"
    with mounted(repo, on) as process:
        began = time.monotonic()
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        assert time.monotonic() - began < PATIENCE_SECONDS / 2
    assert list(on.iterdir()) == []
