from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from holdfast.errors import StoreUnavailable
from holdfast.rehearsal.evidence import EvidenceFolder, acknowledged_rows, lost_rows, restored_rows
from holdfast.rehearsal.measure_recovery import Acknowledged, Difference, Exposure, Lost, Restored, Version

ENTRY = Acknowledged(snapshot="s", user="ann", day="day 1", at=5.0, files={"ü.txt": Version("ab", 3, 1.0)})


def test_evidence_is_named_beside_the_report_with_its_size_and_digest(tmp_path: Path) -> None:
    folder = EvidenceFolder(tmp_path / "evidence")
    folder.lines("acknowledged.jsonl", "what was promised", acknowledged_rows([ENTRY]))
    written = (tmp_path / "evidence" / "acknowledged.jsonl").read_bytes()
    assert [json.loads(line)["files"] for line in written.splitlines()] == [{"ü.txt": ["ab", 3]}]
    (file,) = folder.files
    assert (file.name, file.bytes) == ("evidence/acknowledged.jsonl", len(written))
    assert file.sha256 == hashlib.sha256(written).hexdigest()


def test_rows_tell_what_came_back_what_differs_and_what_is_lost() -> None:
    back = Restored(user="ann", snapshot="s", files={"f": ("ab", 3)})
    wrong = Difference(user="ann", path="g", what="missing", snapshot="s")
    assert [row.get("what") for row in restored_rows([back], [wrong])] == [None, "missing"]
    gone = Lost(user="ann", path="f", size=3, age=1.5, acknowledged=True)
    cost = Exposure(lost_acknowledged=[gone], lost_unacknowledged=[], users_behind=1, window_seconds=2.0)
    assert [row["age"] for row in lost_rows(cost)] == [1.5]


def test_a_disk_that_refuses_evidence_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="choose another --out"):
        EvidenceFolder(tmp_path / "evidence").lines("x.jsonl", "x", [])
