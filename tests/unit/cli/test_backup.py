"""`holdfast backup`: what it leaves out, what it tells, and a run that stores nothing."""

from __future__ import annotations

import errno
import json
import os
import pwd
import subprocess
import sys
from io import StringIO
from pathlib import Path

import click
import pytest

from holdfast.backup.sources import directory
from holdfast.backup.sources.directory import DirectorySource
from holdfast.cli.progress import shown_left
from tests.support.command_line import Run
from tests.support.processes import forks_noted, none_is_left
from tests.support.repositories import noise


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def source(holdfast: Run, tmp_path: Path) -> Path:
    holdfast("repo", "create", "repo")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "kept").write_bytes(noise(100_000))
    return tmp_path / "source"


def listed(holdfast: Run) -> set[str]:
    return {Path(one["path"]).name for one in holdfast("ls", "latest", "--repo", "repo", "--output", "json").json}


def open_files() -> list[str]:
    return sorted(str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "catalogue" not in path.name)


def test_a_dry_run_stores_nothing_and_tells_what_a_backup_would(holdfast: Run, source: Path) -> None:
    before = files_below(Path("repo"))
    dry = holdfast("backup", "source", "--repo", "repo", "--dry-run", "--output", "json").json
    assert files_below(Path("repo")) == before
    assert holdfast("snapshots", "--repo", "repo", "--output", "json").json == []
    real = holdfast("backup", "source", "--repo", "repo", "--output", "json").json
    alike = ("files", "bytes_read", "files_unchanged")
    assert {name: dry[name] for name in alike} == {name: real[name] for name in alike}
    for name in ("bytes_added", "bytes_stored"):  # a fingerprint more or less, by how long ago the file was written
        assert dry[name] == pytest.approx(real[name], abs=200)
    assert dry["dry_run"]
    assert "snapshot" not in dry
    text = holdfast("backup", "source", "--repo", "repo", "--dry-run").out
    assert text.startswith("dry run, nothing is stored: 1 file")


def test_a_source_without_a_name_is_refused_and_is_not_this_folder(holdfast: Run, source: Path) -> None:
    holdfast("repo", "create", "repo")
    for sources in ([""], [str(source), ""]):
        done = holdfast("backup", *sources, "--repo", "repo")
        assert (done.status, done.out) == (2, "")
        assert done.err == "holdfast: a source has an empty name; name a file or folder, `.` for this one\n"


@pytest.mark.parametrize(
    ("cores", "options", "looking"),
    [(8, [], 2), (2, [], 1), (1, [], 0), (1, ["--jobs", "2"], 1), (8, ["--jobs", "1"], 0), (8, ["--reread"], 0)],
)
def test_other_processes_look_ahead_where_that_helps(
    holdfast: Run, source: Path, monkeypatch: pytest.MonkeyPatch, cores: int, options: list[str], looking: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    monkeypatch.setattr(directory, "MANY_FOLDERS", 1)
    for _ in range(2):
        with forks_noted() as pids:
            assert holdfast("backup", "source", "--repo", "repo", "--output", "json", *options).json["files"] == 1
        assert len(pids) == looking + 1, "and one derives the key"
        assert none_is_left(pids)


@pytest.mark.parametrize("forks", [0, 1, 2], ids=["none", "one", "two"])
def test_a_small_backup_needs_no_other_process(
    holdfast: Run, source: Path, monkeypatch: pytest.MonkeyPatch, forks: int
) -> None:
    """A first one with progress would have its key derived, two look ahead, and one count."""
    left = [os.fork] * forks

    def refusing() -> int:
        if not left:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return left.pop()()

    monkeypatch.setattr(directory, "MANY_FOLDERS", 1)
    open_before = open_files()
    with forks_noted() as pids:
        monkeypatch.setattr(os, "fork", refusing)
        done = holdfast("backup", "source", "--repo", "repo", "--jobs", "3", "--output", "events")
    assert (done.status, json.loads(done.out.splitlines()[-1])["files"]) == (0, 1)
    assert none_is_left(pids)
    assert open_files() == open_before


def test_nobody_looks_ahead_while_a_password_is_typed(
    holdfast: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DirectorySource, "look_ahead", lambda *_given: pytest.fail("it may be typed much later"))
    password = os.environ["HOLDFAST_PASSWORD"]
    monkeypatch.delenv("HOLDFAST_PASSWORD")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "prompt", lambda *_arguments, **_options: password)
    assert holdfast("backup", "source", "--repo", "repo").status == 0


def test_patterns_come_from_files(holdfast: Run, source: Path) -> None:
    for name in ("a.tmp", "b.log", "# odd", "blank "):
        (source / name).write_text("x")
    Path("patterns").write_bytes(b"# a comment\n\n*.tmp  \n\\# odd\nblank\\ \n")
    Path("more").write_text("*.log\n")
    files = ("--exclude-file", "patterns", "--exclude-file", "more")
    assert holdfast("backup", "source", "--repo", "repo", *files).status == 0
    assert listed(holdfast) == {"source", "kept"}
    assert holdfast("backup", "source", "--repo", "repo", *files, "--exclude", "!a.tmp").status == 0
    assert listed(holdfast) == {"source", "kept", "a.tmp"}
    missing = holdfast("backup", "source", "--repo", "repo", "--exclude-file", "nowhere")
    assert (missing.status, "exclude file 'nowhere'" in missing.err) == (2, True)


def test_tagged_caches_keep_their_tag_alone(holdfast: Run, source: Path) -> None:
    for name, text in {"cache": "Signature: 8a477f597d28d172789f06886806bc55\n", "other": "something"}.items():
        (source / name).mkdir()
        (source / name / "CACHEDIR.TAG").write_text(text)
        (source / name / f"in {name}").write_text("x")
    assert holdfast("backup", "source", "--repo", "repo", "--exclude-caches").status == 0
    assert listed(holdfast) == {"source", "kept", "cache", "CACHEDIR.TAG", "other", "in other"}
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    assert "in cache" in listed(holdfast)


def test_events_are_a_json_object_a_line_and_end_with_the_summary(holdfast: Run, source: Path) -> None:
    (source / "locked").symlink_to("kept")
    for verb in (("backup", "source"), ("restore", "latest", "--target", "back")):
        lines = holdfast(*verb, "--repo", "repo", "--output", "events").out.splitlines()
        events = [json.loads(line) for line in lines]
        assert events[-1]["event"] == "summary"
        assert events[-1]["files"] == 1


def test_time_left_is_told_once_a_share_is_known() -> None:
    assert shown_left(10, None) == shown_left(10, 0.0) == ""
    assert shown_left(10, 0.5) == "50%, 10 s left  "
    assert shown_left(100, 0.25) == "25%, 5 min left  "
    assert shown_left(3600, 0.1) == "10%, 9 h left  "


def test_a_restore_is_planned_without_a_target(holdfast: Run, source: Path) -> None:
    holdfast("backup", "source", "--repo", "repo")
    plan = holdfast("restore", "latest", "--plan", "--repo", "repo", "--output", "json").json
    assert (plan["files"], plan["bytes"], plan["packs"], plan["dollars"]) == (1, 100_000, 1, 0)
    assert "1 file, 97.7 KiB to write, from 1 pack of" in holdfast("restore", "latest", "--plan", "--repo", "repo").out
    refused = holdfast("restore", "latest", "--repo", "repo")
    assert (refused.status, "--target DIR" in refused.err) == (2, True)


def test_a_user_without_a_name_goes_by_number(holdfast: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    assert holdfast("snapshots", "--repo", "repo", "--output", "json").json[0]["user"] == str(os.getuid())


def test_a_source_is_not_looked_for_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    command = f"cd gone && rmdir ../gone && {sys.executable} -m holdfast backup . --repo {tmp_path / 'repo'}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    text = "holdfast: source '.' cannot be read: the folder this runs in is gone; change to another\n"
    assert (done.returncode, done.stderr) == (3, text)
