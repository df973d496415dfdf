"""`holdfast dump`: the very bytes of one file, or a line that says why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.cli.main import cli
from holdfast.errors import IntegrityError
from tests.support.command_line import Run
from tests.support.repositories import noise
from tests.support.trees import File, Folder, Link, make

CONTENT = (noise(200_000), 150_000, b"end\n")


@pytest.fixture
def repo(holdfast: Run, tmp_path: Path) -> str:
    tree = Folder({b"sub": Folder({b"file": File(CONTENT)}), b"empty": File(), b"link": Link(b"sub/file")})
    make(tree, tmp_path / "source")
    holdfast("repo", "create", "repo")
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    return "repo"


def dumped(*arguments: str) -> bytes:
    return CliRunner().invoke(cli, ["dump", *arguments], catch_exceptions=False).stdout_bytes


def test_the_bytes_of_a_file_come_out_with_its_holes_as_zeros(repo: str, tmp_path: Path) -> None:
    whole = (tmp_path / "source" / "sub" / "file").read_bytes()
    assert dumped("latest:sub/file", "--repo", repo) == whole
    assert dumped(f"latest:{tmp_path}/source/sub/file", "--repo", repo) == whole
    assert dumped("latest:empty", "--repo", repo) == b""


@pytest.mark.parametrize(
    ("file", "status", "says"),
    [
        ("latest", 2, "name a file: SNAPSHOT:PATH"),
        ("latest:sub", 2, "is a directory, not a file"),
        ("latest:link", 2, "is a symlink, not a file"),
        ("latest:absent", 4, "nothing at 'absent'"),
        ("abc:sub/file", 4, "no snapshot 'abc'"),
    ],
)
def test_what_is_no_file_is_refused_in_one_line(holdfast: Run, repo: str, file: str, status: int, says: str) -> None:
    refused = holdfast("dump", file, "--repo", repo)
    assert (refused.status, refused.out) == (status, "")
    assert says in refused.err
    assert refused.err.count("\n") == 1


def test_damage_ends_it_without_a_false_byte(repo: str, tmp_path: Path) -> None:
    for pack in (tmp_path / "repo" / "packs").rglob("*"):
        if pack.is_file() and pack.stat().st_size > 150_000:
            data = bytearray(pack.read_bytes())
            data[50_000] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(data)
    ended = CliRunner().invoke(cli, ["dump", "latest:sub/file", "--repo", repo])
    assert isinstance(ended.exception, IntegrityError)
    assert noise(200_000).startswith(ended.stdout_bytes)


def test_where_standard_output_is_closed_it_says_so(repo: str) -> None:
    command = f"{sys.executable} -m holdfast dump latest:sub/file --repo {repo} >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    text = "holdfast: standard output is closed: send it to a file or a program\n"
    assert (done.returncode, done.stderr) == (2, text)
