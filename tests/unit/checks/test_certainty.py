"""Schema findings are shown where the value is deployed for certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.checks.demands import Demands
from holdfast.checks.engine import check_paths
from tests.unit.checks.test_engine import TODAY

HEAD = """
Parameters: {Days: {Type: String, Default: DEFAULT}}
Conditions: {Wanted: !Not [!Equals [!Ref Days, ""]]}
"""
QUEUE = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: VALUE}}}"


def schema_rules(folder: Path, text: str) -> list[str]:
    path = folder / "t.yaml"
    path.write_text(text)
    report = check_paths([path], demands=Demands(), today=TODAY)
    return [finding.rule for finding in report.findings if finding.rule.startswith("CFN-")]


@pytest.mark.parametrize("value", ["9999999", "x"])
def test_written_value_is_held_to_the_schema(tmp_path: Path, value: str) -> None:
    assert len(schema_rules(tmp_path, QUEUE.replace("VALUE", value))) == 1


def test_default_that_nothing_guards_is_held_to_the_schema(tmp_path: Path) -> None:
    text = HEAD.replace("DEFAULT", "9999999").split("Conditions")[0] + QUEUE.replace("VALUE", "!Ref Days")
    assert schema_rules(tmp_path, text)


@pytest.mark.parametrize("value", ["!If [Wanted, !Ref Days, !Ref AWS::NoValue]", "!Ref Days"])
def test_empty_default_that_a_condition_guards_is_not(tmp_path: Path, value: str) -> None:
    assert schema_rules(tmp_path, HEAD.replace("DEFAULT", '""') + QUEUE.replace("VALUE", value)) == []


def test_reference_in_the_branch_that_its_own_condition_chooses_is_not(tmp_path: Path) -> None:
    text = HEAD.replace("DEFAULT", "x") + QUEUE.replace("VALUE}", "60}, Condition: Wanted")
    output = "Outputs: {Queue: {Value: !If [Wanted, !Ref Q, none]}}"
    assert schema_rules(tmp_path, f"{text}\n{output}") == []


def test_policy_written_as_text_is_no_wrong_type(tmp_path: Path) -> None:
    policy = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}"""
    holder = "{PolicyName: p, PolicyDocument: 'TEXT'}".replace("TEXT", policy)
    trust = "{Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: a.amazonaws.com}, Action: A}]}"
    role = f"Properties: {{AssumeRolePolicyDocument: {trust}, Policies: [{holder}]}}"
    assert schema_rules(tmp_path, f"Resources: {{R: {{Type: AWS::IAM::Role, {role}}}}}") == []


def test_nothing_is_said_of_what_a_macro_rewrites(tmp_path: Path) -> None:
    wrong = QUEUE.replace("VALUE", "9999999")
    assert schema_rules(tmp_path, f"Transform: [Mine]\n{wrong}") == []
    assert schema_rules(tmp_path, f"Transform: AWS::LanguageExtensions\n{wrong}")
