"""Each format says the same, in its own words; SARIF is valid against its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from holdfast.checks.engine import Report
from holdfast.checks.finding import Outcome, Severity, Suppressed
from holdfast.checks.formats import FORMATS
from holdfast.checks.registry import built_in
from tests.unit.checks.formats.example import finding


@pytest.fixture
def report() -> Report:
    return Report(
        findings=[finding(), finding(severity=Severity.WARNING), finding(outcome=Outcome.UNDECIDED)],
        suppressed=[Suppressed(finding=finding(), reason="known", until="2027-01-31", kind="inSource")],
        problems=["broken.yaml:3: not YAML"],
        templates=1,
        resources=5,
        rules=2,
        seconds=0.25,
    )


def test_json_has_the_fields_of_the_contract(report: Report) -> None:
    data = json.loads(FORMATS["json"](report, built_in()))
    contract = {"rule", "severity", "outcome", "template", "stack", "logical_id", "property", "line", "message"}
    assert contract | {"remediation", "source"} <= set(data["findings"][0])
    summary = {"templates": 1, "resources": 5, "rules": 2, "errors": 1, "warnings": 1, "seconds": 0.25}
    assert summary.items() <= data["summary"].items()
    assert data["suppressed"][0]["reason"] == "known"


def test_text_begins_each_finding_with_file_and_line(report: Report) -> None:
    lines = FORMATS["text"](report, built_in()).splitlines()
    assert lines[0] == (
        "stacks/my stack.yaml:12: error FUN001 Queue.RedrivePolicy: it does not work [when IsProd=true]"
    )
    assert (
        lines[-1] == "1 error, 1 warning, 1 undecided, 1 suppressed: 2 rules over 5 resources in 1 template in 0.25 s"
    )
    assert any("suppressed until 2027-01-31" in line and "reason: known" in line for line in lines)


def test_junit_counts_failures_and_skips(report: Report) -> None:
    root = Xml.fromstring(FORMATS["junit"](report, built_in()))
    suite = root.find("testsuite")
    assert suite is not None
    assert {"tests": "4", "failures": "2", "skipped": "2"}.items() <= suite.attrib.items()
    assert len(root.findall(".//failure")) == 2


def test_junit_survives_characters_that_xml_cannot_hold() -> None:
    text = FORMATS["junit"](Report(findings=[finding(message="a\x00b\x1bc\ufffe")]), ())
    assert Xml.fromstring(text.encode()) is not None


def test_junit_of_a_clean_report_has_a_passed_case() -> None:
    root = Xml.fromstring(FORMATS["junit"](Report(rules=7), built_in()))
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["7 rules"]


def test_sarif_has_what_the_standard_requires(report: Report) -> None:
    log: dict[str, Any] = json.loads(FORMATS["sarif"](report, built_in()))
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["name"]
    assert len(rules) == len(set(rules))
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert result["ruleId"] in rules
        assert result["message"]["text"]
        assert (result["kind"] == "fail") == (result["level"] != "none")
        assert result["level"] in ("none", "note", "warning", "error")
        assert place["region"]["startLine"] >= 1
        assert " " not in place["artifactLocation"]["uri"]
        assert {s["kind"] for s in result.get("suppressions", ())} <= {"inSource", "external"}


# The properties that each object may have, of those we write; in brackets, the object below.
# Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html, sections 3.13 to 3.58.
SARIF: dict[str, Any] = {
    "$schema": str,
    "version": str,
    "runs": {
        "tool": {
            "driver": {
                "name": str,
                "version": str,
                "rules": {
                    "id": str,
                    "name": str,
                    "shortDescription": {"text": str},
                    "fullDescription": {"text": str},
                    "helpUri": str,
                    "help": {"text": str, "markdown": str},
                    "defaultConfiguration": {"level": str},
                    "properties": dict,
                },
            }
        },
        "results": {
            "ruleId": str,
            "kind": str,
            "level": str,
            "message": {"text": str},
            "locations": {
                "physicalLocation": {"artifactLocation": {"uri": str}, "region": {"startLine": int}},
                "logicalLocations": {"name": str, "fullyQualifiedName": str},
            },
            "partialFingerprints": dict,
            "suppressions": {"kind": str, "status": str, "justification": str},
            "properties": dict,
        },
        "invocations": {
            "executionSuccessful": bool,
            "toolExecutionNotifications": {"level": str, "message": {"text": str}},
        },
    },
}


def strangers(value: Any, known: Any, path: str = "") -> Iterator[str]:
    """Yield the places of a log that the table does not know, or that have another type."""
    if isinstance(value, list):
        for item in value:
            yield from strangers(item, known, path)
    elif isinstance(known, dict):
        for key, item in value.items():
            yield from strangers(item, known[key], f"{path}/{key}") if key in known else [f"{path}/{key}"]
    elif not isinstance(value, known):
        yield path


def test_sarif_uses_only_words_of_the_standard(report: Report) -> None:
    log = json.loads(FORMATS["sarif"](report, built_in()))
    assert list(strangers(log, SARIF)) == []
    assert list(strangers({**log, "verison": "2.1.0", "version": 2}, SARIF)) == ["/version", "/verison"]


def test_sarif_keeps_fingerprints_when_lines_move(report: Report) -> None:
    from dataclasses import replace

    moved = Report(findings=[replace(finding(), line=99)])
    prints = [
        json.loads(FORMATS["sarif"](r, ()))["runs"][0]["results"][0]["partialFingerprints"] for r in (report, moved)
    ]
    assert prints[0] == prints[1]


def test_sarif_marks_undecided_open_and_suppressed_accepted(report: Report) -> None:
    results = json.loads(FORMATS["sarif"](report, ()))["runs"][0]["results"]
    assert [r["kind"] for r in results] == ["fail", "fail", "open", "fail"]
    assert results[3]["suppressions"][0]["justification"] == "known"
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "stacks/my%20stack.yaml"
