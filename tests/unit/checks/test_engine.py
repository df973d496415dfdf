"""The engine merges scenarios, applies suppressions and reads folders as systems."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from holdfast.checks.demands import AcceptedFinding, Demands
from holdfast.checks.engine import Report, check_paths
from holdfast.checks.finding import Outcome, Severity
from holdfast.errors import NotFound

TODAY = date(2026, 11, 21)
UNREAD = """
Resources:
  Mapping: {Type: AWS::Lambda::EventSourceMapping, Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: f}}
  Queue:
    Type: AWS::SQS::Queue
    Metadata: METADATA
"""


def checked(path: Path, demands: Demands = Demands(), **options: bool) -> Report:  # noqa: B008 - frozen
    return check_paths([path], demands=demands, today=TODAY, schemas=options.get("schemas", False))


def written(tmp_path: Path, text: str, name: str = "t.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def rules_of(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings]


def test_finding_names_file_line_and_resource(tmp_path: Path) -> None:
    report = checked(written(tmp_path, UNREAD.replace("METADATA", "{}")))
    (finding,) = [f for f in report.findings if f.rule == "FUN005"]
    assert (finding.line, finding.logical_id, finding.property) == (4, "Queue", "RedrivePolicy")
    assert finding.stack == "t"


def test_suppression_with_reason_moves_the_finding_to_the_list_of_accepted(tmp_path: Path) -> None:
    metadata = "{holdfast: {suppress: [{rule: FUN005, reason: drained by hand}]}}"
    report = checked(written(tmp_path, UNREAD.replace("METADATA", metadata)))
    assert "FUN005" not in rules_of(report)
    assert [(s.finding.rule, s.reason, s.kind) for s in report.suppressed] == [
        ("FUN005", "drained by hand", "inSource")
    ]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("{rule: FUN005}", "CHK001"),
        ("{rule: FUN005, reason: '  '}", "CHK001"),
        ("{rule: FUN005, reason: x, until: 2026-11-20}", "CHK002"),
        ("{rule: FUN005, reason: x, until: soon}", "CHK002"),
    ],
)
def test_suppression_without_reason_or_past_its_end_does_not_count(tmp_path: Path, entry: str, complaint: str) -> None:
    report = checked(written(tmp_path, UNREAD.replace("METADATA", f"{{holdfast: {{suppress: [{entry}]}}}}")))
    assert {"FUN005", complaint} <= set(rules_of(report))


def test_suppression_counts_on_its_last_day(tmp_path: Path) -> None:
    metadata = "{holdfast: {suppress: [{rule: FUN005, reason: x, until: 2026-11-21}]}}"
    assert "FUN005" not in rules_of(checked(written(tmp_path, UNREAD.replace("METADATA", metadata))))


def test_suppression_that_suppresses_nothing_is_reported(tmp_path: Path) -> None:
    metadata = "{holdfast: {suppress: [{rule: RDS002, reason: x}]}}"
    assert "CHK003" in rules_of(checked(written(tmp_path, UNREAD.replace("METADATA", metadata))))


def test_suppression_of_a_rule_whose_demand_is_not_made_is_not_called_unused(tmp_path: Path) -> None:
    metadata = "{holdfast: {suppress: [{rule: RDS001, reason: x}]}}"
    path = written(tmp_path, UNREAD.replace("METADATA", metadata))
    assert "CHK003" not in rules_of(checked(path))
    assert "CHK003" in rules_of(checked(path, Demands(destroyable=False)))


def test_suppression_in_settings_covers_the_resource_it_names(tmp_path: Path) -> None:
    path = written(tmp_path, UNREAD.replace("METADATA", "{}"))
    for resource, covered in (("Queue", True), ("Other", False), (None, True)):
        accepted = AcceptedFinding(rule="FUN005", reason="known", resource=resource)
        report = checked(path, Demands(suppress=(accepted,)))
        assert ("FUN005" not in rules_of(report)) is covered


def test_finding_in_one_scenario_says_in_which(tmp_path: Path) -> None:
    text = """
    Parameters: {Stage: {Type: String, Default: dev}}
    Conditions: {IsProd: !Equals [!Ref Stage, prod]}
    Resources:
      One: {Type: AWS::RDS::DBInstance, Properties: {PubliclyAccessible: !If [IsProd, true, false]}}
      Two: {Type: AWS::RDS::DBInstance, Properties: {PubliclyAccessible: !If [IsProd, true, true]}}
    """
    report = checked(written(tmp_path, text))
    found = {f.logical_id: f.when for f in report.findings if f.rule == "RDS015"}
    assert found == {"One": "IsProd=true", "Two": ""}


def test_folder_is_one_system_and_broken_files_do_not_hide_the_others(tmp_path: Path) -> None:
    written(tmp_path, UNREAD.replace("METADATA", "{}"), "queue.yaml")
    written(tmp_path, "Resources: {Key: [}", "broken.yaml")
    written(tmp_path, "name: workflow", "other.yaml")
    written(tmp_path, "{}", "package.json")
    report = checked(tmp_path)
    assert report.templates == 1
    assert "FUN005" in rules_of(report)
    assert len(report.problems) == 1
    assert "broken.yaml:1:" in report.problems[0]


def test_file_named_on_purpose_must_be_a_template(tmp_path: Path) -> None:
    report = checked(written(tmp_path, "name: workflow"))
    assert len(report.problems) == 1


@pytest.mark.parametrize("name", ["absent", "."])
def test_missing_path_and_folder_without_template_are_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        checked(tmp_path / name)


def test_severity_and_outcome_decide_what_fails() -> None:
    def report(severity: Severity, outcome: Outcome) -> Report:
        finding = checked_example(severity, outcome)
        return Report(findings=[finding])

    assert report(Severity.ERROR, Outcome.VIOLATED).fails(Severity.ERROR)
    assert not report(Severity.WARNING, Outcome.VIOLATED).fails(Severity.ERROR)
    assert report(Severity.WARNING, Outcome.VIOLATED).fails(Severity.WARNING)
    assert not report(Severity.ERROR, Outcome.UNDECIDED).fails(Severity.WARNING)


def checked_example(severity: Severity, outcome: Outcome):  # type: ignore[no-untyped-def]
    from tests.unit.checks.formats.example import finding

    return finding(severity=severity, outcome=outcome)


def test_schemas_add_what_aws_refuses(tmp_path: Path) -> None:
    text = "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {NoSuchProperty: 1}}}"
    path = written(tmp_path, text)
    assert not [rule for rule in rules_of(checked(path)) if rule.startswith("CFN-")]
    assert [rule for rule in rules_of(checked(path, schemas=True)) if rule.startswith("CFN-")]


def test_many_systems_at_once_give_the_findings_of_each_in_order(tmp_path: Path) -> None:
    wrong = UNREAD.replace("METADATA", "{}") + "    Properties: {NoSuchProperty: 1}\n"
    paths = [written(tmp_path, wrong, f"t{number:03}.yaml") for number in range(40)]
    together = check_paths(paths, demands=Demands(), today=TODAY)
    alone = [finding for path in paths for finding in checked(path, schemas=True).findings]
    assert together.findings == alone
    assert [finding.rule for finding in alone].count("CFN-F3002") == together.templates == len(paths)


def test_cloud_assembly_tells_which_construct_made_a_resource(tmp_path: Path) -> None:
    stack = {
        "properties": {"templateFile": "s.template.json", "stackName": "s"},
        "additionalMetadataFile": "s.metadata.json",
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {"s": stack}}))
    metadata = {"/S/Alarm/Resource": [{"type": "aws:cdk:logicalId", "data": "Alarm"}]}
    (tmp_path / "s.metadata.json").write_text(json.dumps(metadata))
    alarm = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Namespace": "AWS/SQS", "MetricName": "Nothing"}}
    (tmp_path / "s.template.json").write_text(json.dumps({"Resources": {"Alarm": alarm}}))
    report = check_paths([tmp_path], demands=Demands(), today=TODAY, schemas=False)
    assert {finding.construct for finding in report.findings} == {"S/Alarm/Resource"}


def test_cloud_assembly_gives_stack_names_and_regions(tmp_path: Path) -> None:
    written(tmp_path, '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}', "a.template.json")
    manifest = """{"artifacts": {"a": {"environment": "aws://unknown-account/eu-west-1",
      "properties": {"templateFile": "a.template.json", "stackName": "payments"}}}}"""
    written(tmp_path, manifest, "manifest.json")
    report = checked(tmp_path)
    assert {finding.stack for finding in report.findings} == {"payments"}
