"""The JSON of PRODUCT.md's contract: findings, what is suppressed, the summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from holdfast.checks.engine import Report
from holdfast.checks.finding import Severity
from holdfast.checks.rule import Rule


def render(report: Report, _rules: Sequence[Rule]) -> str:
    """Return the report as one JSON object."""
    return json.dumps(as_dict(report), indent=2, ensure_ascii=False)


def as_dict(report: Report) -> dict[str, Any]:
    """Return the report as plain values."""
    return {
        "findings": [finding.to_json() for finding in report.findings],
        "suppressed": [
            {**accepted.finding.to_json(), "reason": accepted.reason, "until": accepted.until, "where": accepted.kind}
            for accepted in report.suppressed
        ],
        "problems": report.problems,
        "summary": {
            "templates": report.templates,
            "resources": report.resources,
            "rules": report.rules,
            "errors": report.count(Severity.ERROR),
            "warnings": report.count(Severity.WARNING),
            "undecided": report.undecided,
            "suppressed": len(report.suppressed),
            "seconds": round(report.seconds, 4),
        },
    }
