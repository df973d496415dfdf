from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from holdfast.rehearsal.evidence import EvidenceFolder
from holdfast.rehearsal.measure_memory import MemorySampler
from holdfast.rehearsal.measure_promises import Facts
from holdfast.rehearsal.read_back import ReadBack, Verdict
from holdfast.rehearsal.steps import Journal
from holdfast.rehearsal.steps_scene import Options, Told
from holdfast.rehearsal.summary import report_of, row_of
from holdfast.report.model import Report
from holdfast.report.model import Verdict as Whole
from holdfast.settings.backup_vault import BackupVault
from tests.unit.rehearsal.test_measure_promises import DERIVED, FACTS


def summed_up(tmp_path: Path, facts: Facts, stopped: str) -> Report:
    options = Options(out=tmp_path, settings=BackupVault(), command="holdfast rehearse")
    told = Told(evidence=EvidenceFolder(tmp_path / "evidence"), derived=DERIVED, facts=facts, users=1000, files=8000)
    began = datetime(2026, 11, 21, 2, tzinfo=UTC)
    return report_of(options, Journal(), told, MemorySampler(), began=began, stopped=stopped)


def test_a_whole_run_is_summed_up_with_its_verdict(tmp_path: Path) -> None:
    report = summed_up(tmp_path, FACTS, "")
    assert report.verdict is Whole.HELD
    assert "us-east-1 was lost" in report.summary
    assert report.figures["rto_seconds"] == 24.0


def test_a_run_that_stopped_says_why_and_gives_no_verdict(tmp_path: Path) -> None:
    report = summed_up(tmp_path, Facts(), "interrupted in `upload`")
    assert (report.verdict, report.summary, report.stopped) == (Whole.INCOMPLETE, "", "interrupted in `upload`")
    assert "rto_seconds" not in report.figures


def test_long_values_of_the_gate_are_cut_and_none_is_empty() -> None:
    row = row_of(
        ReadBack(
            stack="s", region="r", logical_id="Bucket", resource_type="AWS::S3::Bucket", property="Tags",
            wanted=[{"Key": "x" * 500}], got=None, verdict=Verdict.NOT_ECHOED, reason="nothing reads it back",
        )
    )  # fmt: skip
    assert len(row.wanted) < 260
    assert (row.got, row.verdict, row.reason) == ("", "not echoed", "nothing reads it back")
