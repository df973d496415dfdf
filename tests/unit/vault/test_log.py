"""Log lines and metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from holdfast.vault.log import count, log, unit_of

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


def test_metrics_are_one_line_of_the_embedded_format(capsys: pytest.CaptureFixture[str]) -> None:
    count("Holdfast/Test", NOW, CompletedBackups=1, BytesStored=12, BackupSeconds=0.5)
    assert json.loads(capsys.readouterr().out) == {
        "_aws": {
            "Timestamp": 1795226400000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Holdfast/Test",
                    "Dimensions": [[]],
                    "Metrics": [
                        {"Name": "CompletedBackups", "Unit": "Count"},
                        {"Name": "BytesStored", "Unit": "Bytes"},
                        {"Name": "BackupSeconds", "Unit": "Seconds"},
                    ],
                }
            ],
        },
        "CompletedBackups": 1,
        "BytesStored": 12,
        "BackupSeconds": 0.5,
    }


def test_a_log_line_holds_whatever_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    log("what happened", user="a\nb", until=NOW)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"event": "what happened", "user": "a\nb", "until": "2026-11-21 02:00:00+00:00"}


@pytest.mark.parametrize(("name", "unit"), [("Files", "Count"), ("BytesRead", "Bytes"), ("RestoreSeconds", "Seconds")])
def test_unit_is_read_off_the_name(name: str, unit: str) -> None:
    assert unit_of(name) == unit
