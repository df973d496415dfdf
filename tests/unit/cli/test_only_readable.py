"""A repository whose files may be read and not written: another user's, or a copy that is kept from changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Run
from tests.support.processes import bound_by_modes

READING = [
    ["snapshots"],
    ["ls", "latest"],
    ["find", "*.txt"],
    ["diff", "latest", "latest"],
    ["stats"],
    ["repo", "stats"],
    ["repo", "key", "list"],
    ["dump", "latest:a.txt"],
    ["verify", "--read-data"],
    ["restore", "latest", "--target", "target"],
    ["restore", "latest", "--plan"],
    ["backup", "source", "--dry-run"],
    ["forget", "--keep-last", "1"],
    ["prune"],
]
WRITING = [
    ["backup", "source"],
    ["forget", "--keep-last", "1", "--apply"],
    ["prune", "--apply"],
    ["repo", "rebuild"],
    ["repo", "key", "add", "--new-password-file", "new"],
    ["repo", "key", "rotate"],
]


@pytest.fixture
def repo(holdfast: Run, tmp_path: Path) -> Iterator[Path]:
    """Make a repository of two snapshots whose files and folders nobody may write."""
    (tmp_path / "new").write_text("another")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.txt").write_text("hello")
    holdfast("repo", "create", "repo")
    for _ in range(2):
        assert holdfast("backup", "source", "--repo", "repo").status == 0
    paths = [tmp_path / "repo", *(tmp_path / "repo").rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield tmp_path / "repo"
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = bound_by_modes([sys.executable, "-m", "holdfast", *arguments])
    environment = {**os.environ, "HOLDFAST_REPO": "repo"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def everything_in(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_reads_works_and_touches_nothing(repo: Path, arguments: list[str]) -> None:
    before = everything_in(repo)
    done = run(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert everything_in(repo) == before


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_what_writes_is_one_line_and_status_three(repo: Path, arguments: list[str]) -> None:
    before = everything_in(repo)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "check its owner and mode" in done.stderr
    assert everything_in(repo) == before
