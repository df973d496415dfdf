"""The main job as a user runs it: `holdfast rehearse` in a process of its own, asserted on what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.measure_memory import descendants
from holdfast.report.model import Evidence, Report, load
from tests.support.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.emulator, pytest.mark.synth, pytest.mark.timeout(600)]

CLI = [sys.executable, "-c", "from holdfast.cli.main import main; main()"]
USERS = 20


def rehearse(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "rehearse", "backup-vault", "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def left_of(pids: list[int], seconds: float = 5.0) -> list[str]:
    """Return the command lines of those that still run; orphans may need a moment to notice."""
    end = time.monotonic() + seconds
    while True:
        commands = [path.read_bytes() for pid in pids if (path := Path(f"/proc/{pid}/cmdline")).exists()]
        left = [command.replace(b"\0", b" ").decode() for command in commands if command]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("rehearsal") / "out"
    return out, rehearse(out, "--users", str(USERS))


@pytest.fixture(scope="module")
def report(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> Report:
    out, done = finished
    assert done.returncode == 0, done.stdout + done.stderr
    return load(out)


def test_every_promise_is_told_with_its_evidence(report: Report) -> None:
    evidence = {promise.name: promise.evidence for promise in report.promises}
    assert evidence == {
        "rpo": Evidence.MEASURED,
        "rto": Evidence.MEASURED,
        "retention": Evidence.MEASURED,
        "availability": Evidence.DERIVED,
        "users": Evidence.DERIVED,  # twenty users do not show a thousand
    }
    assert all(promise.met for promise in report.promises)
    assert report.complete


def test_every_trial_passed(report: Report) -> None:
    assert [trial for trial in report.trials if not trial.passed] == []
    assert len(report.trials) >= 6


def test_everything_restored_was_compared(report: Report, finished: tuple[Path, Any]) -> None:
    compare = next(step for step in report.steps if step.name == "compare")
    rows = [json.loads(line) for line in (finished[0] / "evidence" / "restored.jsonl").read_text().splitlines()]
    assert len({row["user"] for row in rows}) == USERS
    assert sum(len(row["files"]) for row in rows) == compare.figures["files"]
    assert len(rows[0]["files"]) > 0
    assert compare.figures["differences"] == 0


def test_who_uses_what_is_told_of_every_snapshot_that_is_kept(report: Report) -> None:
    upkeep = next(step for step in report.steps if step.name == "forget and prune")
    assert report.usage is not None
    assert report.usage.groups == USERS
    assert report.usage.total.snapshots == upkeep.figures["kept"] == 2 * USERS
    stored = sum(one.share_bytes for one in report.usage.largest)
    assert stored == pytest.approx(report.usage.total.share_bytes, abs=USERS)


def test_second_day_reads_only_what_changed(report: Report) -> None:
    first, second = report.backups
    assert first.snapshots == second.snapshots == USERS
    assert first.stored_bytes < first.logical_bytes
    assert second.read_bytes < first.read_bytes / 2


def test_evidence_files_are_those_the_report_names(report: Report, finished: tuple[Path, Any]) -> None:
    for file in report.evidence:
        assert hashlib.sha256((finished[0] / file.name).read_bytes()).hexdigest() == file.sha256
    assert {"evidence/acknowledged.jsonl", "evidence/restored.jsonl"} <= {file.name for file in report.evidence}


def test_nothing_is_left_but_the_results(finished: tuple[Path, Any]) -> None:
    assert sorted(path.name for path in finished[0].iterdir()) == [
        "assembly",
        "bundle",
        "evidence",
        "rehearsal.json",
        "report.html",
    ]


def test_a_folder_of_real_files_is_rehearsed_and_only_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for user in ("ann", "bob", "čeněk"):
        (data / user / "Übersicht").mkdir(parents=True)
        (data / user / "Übersicht" / "a & b.txt").write_bytes(user.encode() * 1000)
        (data / user / "empty").write_bytes(b"")
        (data / user / "big.bin").write_bytes(os.urandom(300_000))
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    done = rehearse(tmp_path / "out", "--data", str(data), "--output", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["platforms"] == ["backup-vault"]
    assert next(step for step in told["steps"] if step["name"] == "upload")["figures"]["users"] == 3
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_ctrl_c_ends_cleanly_and_is_not_presented_as_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*CLI, "rehearse", "--out", str(out), "--users", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.lstrip().startswith("upload"):
                break
        time.sleep(1)
        started = descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.wait(PATIENCE_SECONDS) == 130
    assert len(started) > 1
    assert left_of(started) == []
    report = load(out)
    assert (report.complete, report.stopped) == (False, "interrupted in `back up day 1`")
    assert "did not finish" in (out / "report.html").read_text()
    assert not list(out.glob(".work-*"))
