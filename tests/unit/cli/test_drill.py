"""`holdfast drill`: what it prints, writes and answers."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest

from tests.support.command_line import Run


@pytest.fixture
def repo(holdfast: Run, tmp_path: Path) -> Path:
    holdfast("repo", "create", "repo")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("kept")
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    return tmp_path / "repo"


def test_a_restore_within_its_promises_is_done(holdfast: Run, repo: Path) -> None:
    done = holdfast("drill", "restore", "--repo", "repo", "--rto", "1h", "--rpo", "1h")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines() if not line.startswith(" ")] == ["rto", "rpo"]
    assert done.out.count(" of 1h: met") == 2


def test_promises_come_from_the_settings_and_the_options_go_before(holdfast: Run, repo: Path) -> None:
    Path("demands.yaml").write_text("promises: {rto: 3h, rpo: 24h}\n")
    told = holdfast(
        "drill", "restore", "--repo", "repo", "--settings", "demands.yaml", "--rto", "1h", "--output", "json"
    ).json
    assert {one["name"]: one["promised"] for one in told["promises"]} == {"rto": "1h", "rpo": "24h"}


def test_a_replica_that_lags_is_answered_with_no(holdfast: Run, repo: Path) -> None:
    shutil.copytree(repo, "replica")
    Path("source/file").write_text("changed")
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    lost = holdfast("drill", "region-loss", "--replica", "replica", "--repo", "repo", "--out", "drill.json")
    assert lost.status == 1
    assert "acknowledged, but not in replica" in lost.out
    assert json.loads(Path("drill.json").read_text())["ok"] is False
    again = holdfast("drill", "region-loss", "--replica", "replica", "--out", "drill.json")
    assert (again.status, "name a new file" in again.err) == (2, True)


def test_restored_files_stay_in_the_target_that_was_named(holdfast: Run, repo: Path) -> None:
    assert holdfast("drill", "restore", "--repo", "repo", "--target", "kept").status == 0
    assert [path.read_text() for path in Path("kept").rglob("file")] == ["kept"]
    full = holdfast("drill", "restore", "--repo", "repo", "--target", "kept")
    assert (full.status, "is not empty" in full.err) == (2, True)


@pytest.mark.parametrize("users", ["0", "-1", "some"])
def test_users_are_counted_or_all(holdfast: Run, repo: Path, users: str) -> None:
    outcome = holdfast("drill", "restore", "--repo", "repo", "--users", users)
    assert (outcome.status, repr(users) in outcome.err) == (2, True)


def test_failover_with_nobody_to_ask_needs_yes(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    outcome = holdfast("drill", "failover", "--cluster", "one")
    assert (outcome.status, "give --yes" in outcome.err) == (2, True)
