"""SARIF 2.1.0, as code-scanning services read it.

A finding's fingerprint is its rule, resource and property, not its line: moving code does not reopen an alert.
Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from holdfast import __version__
from holdfast.checks.engine import Report
from holdfast.checks.finding import Finding, Outcome, Severity
from holdfast.checks.rule import Rule

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def render(report: Report, rules: Sequence[Rule]) -> str:
    """Return the report as one SARIF log with one run."""
    results = [_result(finding) for finding in report.findings]
    for accepted in report.suppressed:
        suppression = {"kind": accepted.kind, "status": "accepted", "justification": accepted.reason}
        results.append(_result(accepted.finding) | {"suppressions": [suppression]})
    used = {result["ruleId"] for result in results}
    known = {rule.id for rule in rules}
    run = {
        "tool": {
            "driver": {
                "name": "holdfast",
                "version": __version__,
                "rules": [_rule(rule) for rule in rules] + [{"id": other} for other in sorted(used - known)],
            }
        },
        "results": results,
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": problem}} for problem in report.problems
                ],
            }
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": type(rule).__name__,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title}."},
        "helpUri": rule.source,
        "help": {
            "text": f"{rule.remediation} See {rule.source}",
            "markdown": f"{rule.remediation}\n\n[Documentation]({rule.source})",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.topic], "precision": "high"},
    }


def _result(finding: Finding) -> dict[str, Any]:
    undecided = finding.outcome is Outcome.UNDECIDED
    identity = f"{finding.rule}\0{PurePath(finding.template).name}\0{finding.logical_id}\0{finding.property}"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "kind": "open" if undecided else "fail",
        "level": "none" if undecided else _LEVELS[finding.severity],
        "message": {"text": finding.message + (f" [when {finding.when}]" if finding.when else "")},
        "locations": [_location(finding)],
        "partialFingerprints": {"holdfast/v1": hashlib.sha256(identity.encode()).hexdigest()[:32]},
    }
    extras = {"construct": finding.construct, "madeAt": finding.made_at, "stack": finding.stack}
    result["properties"] = {name: value for name, value in extras.items() if value}
    return result


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.template)},
            "region": {"startLine": max(1, finding.line)},
        }
    }
    if finding.logical_id:
        location["logicalLocations"] = [
            {"name": finding.logical_id, "fullyQualifiedName": f"{finding.stack}/{finding.logical_id}"}
        ]
    return location


def _uri(path: str) -> str:
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
