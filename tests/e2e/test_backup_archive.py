"""The archive as a user runs it: deployed, backed up by its own functions, restored, and destroyed with its data."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.embedded import kept
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.report.model import Evidence, Verdict, load
from tests.support.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.e2e, pytest.mark.emulator, pytest.mark.synth, pytest.mark.timeout(300)]

SETTINGS = "platform: backup-archive\nremoval: destroy\nalerts: [ops@example.com]\n"
HOME, AWAY = "us-east-1", "us-west-2"
SHARED = bytes(range(256)) * 1200
SOURCE = "arch-source-dev-123456789012-us-east-1"
PRIMARY = "arch-primary-dev-123456789012-us-east-1"
REPLICA = "arch-replication-dev-123456789012-us-west-2"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("HOLDFAST_ENVIRONMENT", raising=False)
    (tmp_path / "holdfast.yaml").write_text(SETTINGS)
    yield tmp_path
    kept.stop(tmp_path / "holdfast" / "embedded")


def holdfast(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "holdfast", *arguments, "--embedded", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def invoke(aws: EmbeddedAws, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = aws.client("lambda", HOME).invoke(FunctionName=function, Payload=json.dumps(event))
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return found


def keys(aws: EmbeddedAws, region: str, bucket: str, prefix: str = "") -> set[str]:
    listed = aws.client("s3", region).list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {one["Key"] for one in listed.get("Contents", [])}


def awaited(aws: EmbeddedAws, region: str, bucket: str, prefix: str, count: int) -> set[str]:
    end = time.monotonic() + PATIENCE_SECONDS
    while len(found := keys(aws, region, bucket, prefix)) < count:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


def test_backups_are_deduplicated_replicated_restored_and_gone_with_the_stack(folder: Path) -> None:
    holdfast(folder, "deploy")
    aws = kept.found(folder / "holdfast" / "embedded")
    assert aws is not None
    for user, time_, backups, total in (("ann", "02", 1, 1), ("bob", "14", 2, 3)):
        aws.client("s3", HOME).put_object(Bucket=SOURCE, Key=f"users/{user}/report.bin", Body=SHARED)
        event = {"time": f"2026-11-21T{time_}:00:00Z"}
        assert invoke(aws, "backup-archive-initiator-dev", event)["queued"] == backups
        snapshots = awaited(aws, HOME, PRIMARY, "backups/snapshots/", total)
    assert awaited(aws, AWAY, REPLICA, "backups/snapshots/", total) == snapshots

    rows = aws.client("dynamodb", HOME).scan(TableName="backup-archive-deduplication-dev")["Items"]
    stored = [row for row in rows if row.get("kind", {}).get("S") == "data"]
    assert any("p" in row and "fileHash" in row for row in rows)
    assert len({row["session"]["S"] for row in stored}) == 1, "the second user's same bytes were stored again"

    restored = invoke(aws, "backup-archive-restore-dev", {"user": "bob"})
    assert (restored["files"], restored["failed"]) == (1, [])
    (key,) = keys(aws, HOME, "arch-restore-dev-123456789012-us-east-1")
    body = aws.client("s3", HOME).get_object(Bucket="arch-restore-dev-123456789012-us-east-1", Key=key)["Body"]
    assert body.read() == SHARED

    holdfast(folder, "destroy", "--yes")
    assert kept.found(folder / "holdfast" / "embedded") is None


def test_rehearsal_with_users_measures_the_archives_promises(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "holdfast", "rehearse", "backup-archive", "--users", "6", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = load(tmp_path)
    assert report.verdict is Verdict.HELD
    measured = {one.name for one in report.promises if one.evidence is Evidence.MEASURED}
    assert {"rpo", "rto", "retention"} <= measured
