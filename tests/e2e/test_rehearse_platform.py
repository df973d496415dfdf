"""`holdfast rehearse PLATFORM` for every platform but the vault, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.platforms.registry import PLATFORMS
from holdfast.report.model import Verdict, load

pytestmark = [pytest.mark.e2e, pytest.mark.emulator, pytest.mark.synth, pytest.mark.timeout(300)]


@pytest.mark.parametrize("platform", [name for name in PLATFORMS if name != "backup-vault"])
def test_a_platform_is_deployed_told_back_changed_and_deleted(platform: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "holdfast", "rehearse", platform, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    report = load(tmp_path)
    assert report.verdict is Verdict.HELD
    assert [step.name for step in report.steps] == ["synthesize", "deploy", "read back", "check", "change", "destroy"]
    assert [trial.name for trial in report.trials] == ["Read-back gate", "Change in place", "Deletion"]
    assert any(item.subject == "resources that are only recorded" for item in report.untested)
    assert {file.what for file in report.evidence} == {"synthesized template"}
    assert (tmp_path / "report.html").read_text().count("Read-back gate") >= 1


def test_users_are_the_vaults_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "holdfast", "rehearse", "serverless-database", "--users", "3"]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--users and --data are for backup-vault and backup-archive" in done.stderr
