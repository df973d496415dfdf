"""`cdk synth` fails on findings, and names the construct and the Python line that made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.synth

APP = """\
from holdfast.platforms.validation import check_on_synth
import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs

app = cdk.App(analytics_reporting=False)
check_on_synth(app)


class Jobs(cdk.Stack):
    def __init__(self, scope, id):
        super().__init__(scope, id)
        for name in ("Dead", "Other"):
            queue = sqs.Queue(self, name)
        jobs = sqs.Queue(
            self, "Jobs",
            dead_letter_queue=sqs.DeadLetterQueue(queue=queue, max_receive_count=3),
        )
        cdk.aws_cloudwatch.Alarm(
            self, "Alarm", metric=jobs.metric("NoSuchMetric"), threshold=1, evaluation_periods=1
        )


stack = Jobs(app, "S")
# here
app.synth()
"""
FIX = 'cdk.Validations.of(stack).acknowledge(cdk.Acknowledgment(id="holdfast::{}", reason="tried"))'


def synth(folder: Path, app: str) -> tuple[int, list[dict[str, Any]], str]:
    """Return exit status, what the plugin reported, and what was printed; a process of its own, as `cdk synth` has."""
    (folder / "app.py").write_text(app, encoding="utf-8")
    node = "import holdfast.platforms.node as n, runpy; n.use_bundled_node(); runpy.run_path('app.py')"
    told = {**os.environ, "CDK_OUTDIR": str(folder / "cdk.out")}
    ran = subprocess.run(
        [sys.executable, "-c", node], cwd=folder, env=told, check=False, capture_output=True, text=True
    )
    report = json.loads((folder / "cdk.out" / "validation-report.json").read_text(encoding="utf-8"))
    mine = next(one for one in report["pluginReports"] if one["pluginName"] == "holdfast")
    return ran.returncode, mine["violations"], ran.stdout + ran.stderr


def test_synth_fails_and_names_the_construct_and_the_line_that_made_it(tmp_path: Path) -> None:
    status, violations, printed = synth(tmp_path, APP)
    by_rule = {one["ruleName"]: one for one in violations}
    assert status == 1
    assert set(by_rule) == {"ALM001", "ALM004"}
    finding = by_rule["ALM001"]
    line = APP.splitlines().index("        cdk.aws_cloudwatch.Alarm(") + 1
    assert finding["ruleMetadata"]["Made at"] == f"app.py:{line}"
    assert finding["violatingConstructs"][0]["constructPath"] == "S/Alarm/Resource"
    assert f"made at app.py:{line}" in printed
    assert "NoSuchMetric" in printed


def test_acknowledged_findings_let_the_synthesis_pass(tmp_path: Path) -> None:
    accepted = APP.replace("# here", "\n".join(FIX.format(rule) for rule in ("ALM001", "ALM004")))
    assert synth(tmp_path, accepted)[0] == 0


def test_warnings_stop_the_synthesis_when_asked(tmp_path: Path) -> None:
    asked = APP.replace("check_on_synth(app)", "check_on_synth(app, fail_on='warning')")
    _, violations, _ = synth(tmp_path, asked)
    assert "FUN002" in {one["ruleName"] for one in violations}


def test_settings_make_demands_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "demands.yaml").write_text("checks: {required_tags: [CostCenter]}\n", encoding="utf-8")
    asked = APP.replace(
        "check_on_synth(app)", "check_on_synth(app, settings=__import__('pathlib').Path('demands.yaml'))"
    )
    _, violations, _ = synth(tmp_path, asked)
    places = {one["violatingConstructs"][0]["constructPath"]: one["ruleMetadata"] for one in violations}
    made = places["S/Jobs/Resource"]["Made at"]
    assert made == f"app.py:{APP.splitlines().index('        jobs = sqs.Queue(') + 1}"
