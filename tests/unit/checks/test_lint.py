from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.checks.finding import Outcome, Severity
from holdfast.checks.lint import lint, templates_of
from holdfast.errors import NotFound


def queue(**properties: Any) -> str:
    return json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}}, indent=1)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_finding_names_rule_resource_property_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "jobs.template.json", queue(QueueName="jobs", VisibilityTimeout=99999))
    (found,) = lint([path])
    assert (found.severity, found.outcome) == (Severity.ERROR, Outcome.VIOLATED)
    assert (found.rule, found.stack, found.logical_id, found.property) == (
        "E3034",
        "jobs",
        "Queue",
        "VisibilityTimeout",
    )
    assert found.line == 7
    assert "99999" in found.message


def test_warnings_are_told_from_errors(tmp_path: Path) -> None:
    template = {"Parameters": {"Unused": {"Type": "String"}}, **json.loads(queue(QueueName="jobs"))}
    found = lint([write(tmp_path / "a.json", json.dumps(template))])
    assert [(one.rule, one.severity) for one in found] == [("W2001", Severity.WARNING)]


def test_good_template_has_no_finding(tmp_path: Path) -> None:
    assert lint([write(tmp_path / "a.yaml", "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n")]) == []


def test_folder_means_its_templates_and_not_the_rest_of_an_assembly(tmp_path: Path) -> None:
    for name in ("b.template.json", "a.yaml", "manifest.json", "b.assets.json", "b.metadata.json", "notes.txt"):
        write(tmp_path / name, "{}")
    assert [path.name for path in templates_of([tmp_path, tmp_path / "a.yaml"])] == ["a.yaml", "b.template.json"]


def test_empty_folder_and_missing_file_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no template"):
        lint([tmp_path])
    with pytest.raises(NotFound, match="does not exist"):
        lint([tmp_path / "none.json"])
