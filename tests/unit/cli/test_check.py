"""`holdfast check` on what people have: broken files, strange templates, their own rules, other checkers' findings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from holdfast.checks.registry import all_rules
from holdfast.checks.testing import cases, complaint
from holdfast.cli.main import run

QUEUE = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {MessageRetentionPeriod: 60}\n"
SECRET = "Resources: {S: {Type: AWS::SecretsManager::Secret, Properties: {SecretString: hunter2}}}\n"
OWN_RULE = '''
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class QueueKeepsADay(ResourceRule):
    """A queue keeps its messages for a day."""

    id = "OWN001"
    resource_types = ("AWS::SQS::Queue",)
    remediation = "Keep them."
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html"

    def check(self, resource):
        kept = as_number(resource.get("MessageRetentionPeriod"), 345600)
        holds = kept if isinstance(kept, Undecided) else kept >= 86400
        yield from self.judged(resource, "MessageRetentionPeriod", holds, f"{kept} s is less than a day")
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(name: str, content: str | bytes) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("list.yaml", "- a\n", "list.yaml: no CloudFormation template: must be a mapping with Resources, got a list"),
        ("k8s.yaml", "kind: Pod\n", "k8s.yaml: no CloudFormation template: Resources must be a mapping of logical ids"),
        ("broken.yaml", "Resources:\n  A: [1\n  B: 2\n", "broken.yaml:3: not YAML: did not find expected ',' or ']'"),
        ("broken.json", '{"Resources": {\n"A": }}', "broken.json:2: not JSON: Expecting value at column 6"),
        ("twice.yaml", "Resources:\n  A: {Type: T}\n  A: {Type: T}\n", "twice.yaml:3: 'A' is written twice"),
        ("twice.json", '{"Resources": {},\n"Resources": {}}', "twice.json:2: 'Resources' is written twice"),
        ("deep.json", '{"Resources":' + '{"a":' * 5000 + "1" + "}" * 5001, "deep.json: nested deeper than 200 levels"),
        ("tag.yaml", "Resources: !Nonsense {}\n", "tag.yaml:1: unknown tag !Nonsense"),
        ("latin.yaml", b"Resources: {} # \xe9\n", "latin.yaml:1: not UTF-8 text at byte 16"),
        ("empty.yaml", "", "empty.yaml: no CloudFormation template: must be a mapping with Resources, got nothing"),
    ],
)
def test_file_that_is_no_template_ends_with_two_and_one_line(
    name: str, content: str | bytes, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", written(name, content), "--no-schemas"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"holdfast: {line}")
    assert captured.err.count("\n") == 1


def test_broken_file_does_not_hide_what_is_found_in_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    written("rules/own.py", OWN_RULE)
    arguments = ["check", written("a.yaml", QUEUE), written("b.yaml", "{"), "--rules", "rules", "--no-schemas"]
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert "a.yaml:4: error OWN001 Queue.MessageRetentionPeriod: 60 s is less than a day" in captured.out
    assert "b.yaml:" in captured.err


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("types", "Resources: {A: {Type: 'Acme::Not::AType', Properties: {B: [1, {C: !Ref A}]}}}"),
        (
            "macro",
            "Transform: [Acme]\nResources: {A: {Type: AWS::SQS::Queue, Fn::Transform: {Name: M, Parameters: {}}}}",
        ),
        ("nested", "Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://x/y.yaml}}}"),
        ("self", "Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: self.yaml}}}"),
        ("loop", "Resources: {Fn::ForEach::Loop: [X, [a, b], {'T${X}': {Type: AWS::SNS::Topic}}]}"),
        (
            "odd",
            "Resources: {A: 1, B: {Type: [x]}, C: {Type: AWS::SQS::Queue, Properties: [1]}}\nOutputs: 3\nMappings: []",
        ),
    ],
)
def test_strange_templates_end_without_a_finding_of_ours(
    name: str, template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", written(f"{name}.yaml", template), "--no-schemas"]) == 0
    assert capsys.readouterr().err == ""


def test_circle_of_references_is_one_finding(capsys: pytest.CaptureFixture[str]) -> None:
    topic = "  {0}: {{Type: AWS::SNS::Topic, Properties: {{TopicName: !Sub '${{{1}.TopicName}}'}}}}\n"
    circle = "Resources:\n" + "".join(topic.format(f"T{n}", f"T{(n + 1) % 5}") for n in range(5))
    assert run(["check", written("circle.yaml", circle), "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["rule"], finding["logical_id"][0], finding["property"]) == ("CFN-F3004", "T", "")


@pytest.mark.parametrize("text", [QUEUE.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + QUEUE.encode()])
def test_crlf_and_byte_order_mark_keep_the_lines(text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    written("rules/own.py", OWN_RULE)
    assert run(["check", written("a.yaml", text), "--rules", "rules", "--no-schemas"]) == 1
    assert "a.yaml:4: error OWN001" in capsys.readouterr().out


def test_ten_megabytes_are_read_and_more_than_sixteen_refused(capsys: pytest.CaptureFixture[str]) -> None:
    queue = "  Q{}: {{Type: AWS::SNS::Topic, Properties: {{DisplayName: {}}}}}\n"
    text = "Resources:\n" + "".join(queue.format(n, "x" * 9940) for n in range(1000))
    assert len(text) > 9_900_000
    assert run(["check", written("large.yaml", text), "--no-schemas"]) == 0
    assert "over 1000 resources" in capsys.readouterr().out
    assert run(["check", written("larger.yaml", text * 2), "--no-schemas"]) == 2
    assert "at most 16777216 are read; split the template" in capsys.readouterr().err


def test_missing_path_ends_with_four(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "nowhere"]) == 4
    assert "nowhere does not exist; name a template or a folder of templates" in capsys.readouterr().err


def test_no_path_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 2
    assert "no PATH given" in capsys.readouterr().err


def test_rules_of_the_settings_lie_beside_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    written("conf/mine/own.py", OWN_RULE)
    written("conf/holdfast.yaml", "checks: {rules: [mine]}\n")
    arguments = ["check", written("a.yaml", QUEUE), "--settings", "conf/holdfast.yaml", "--no-schemas"]
    assert run(arguments) == 1
    assert "OWN001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import nothing_of_that_name\n", "own.py cannot be imported: No module named 'nothing_of_that_name'"),
        (OWN_RULE.replace('id = "OWN001"', 'id = "own1"'), "has id 'own1': allowed are capitals and three digits"),
        (OWN_RULE.replace('    remediation = "Keep them."\n', ""), "rule QueueKeepsADay has no remediation"),
        (OWN_RULE.replace("OWN001", "FUN001"), "rule id FUN001 is borne twice"),
    ],
)
def test_rule_that_is_not_whole_is_one_line(code: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    written("rules/own.py", code)
    assert run(["check", written("a.yaml", QUEUE), "--rules", "rules"]) == 2
    assert complaint in capsys.readouterr().err


def test_missing_folder_of_rules_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", written("a.yaml", QUEUE), "--rules", "nowhere"]) == 2
    assert "rules folder nowhere does not exist" in capsys.readouterr().err


def test_own_rules_have_the_same_three_template_harness(folder: Path) -> None:
    written("rules/own.py", OWN_RULE)
    written("OWN001/passing.yaml", QUEUE.replace("60", "86400"))
    written("OWN001/failing.yaml", QUEUE)
    written("OWN001/undecided.yaml", "Parameters: {P: {Type: Number}}\n" + QUEUE.replace("60", "!Ref P"))
    rule = next(one for one in all_rules([folder / "rules"]) if one.id == "OWN001")
    found = cases(folder / "OWN001")
    assert [kind for kind, _ in found] == ["failing", "passing", "undecided"]
    assert [complaint(rule, kind, path) for kind, path in found] == [None, None, None]
    assert (
        complaint(rule, "passing", folder / "OWN001" / "failing.yaml")
        == "OWN001 finds 1 in failing.yaml, where all is well"
    )


def test_installed_package_offers_rules_through_its_entry_point(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written("site/acme_rules.py", OWN_RULE)
    written("site/acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    written("site/acme-1.0.dist-info/entry_points.txt", "[holdfast.rules]\nacme = acme_rules\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    try:
        assert "OWN001" in {rule.id for rule in all_rules()}
    finally:
        sys.modules.pop("acme_rules", None)


def test_findings_of_cdk_nag_are_shown_at_the_resource(capsys: pytest.CaptureFixture[str]) -> None:
    written("out/s.template.json", '{"Resources": {\n"Topic": {"Type": "AWS::SNS::Topic"}}}')
    stack = {
        "properties": {"templateFile": "s.template.json"},
        "metadata": {"/S/Topic": [{"type": "aws:cdk:logicalId"}]},
    }
    stack["metadata"]["/S/Topic"][0]["data"] = "Topic"  # type: ignore[index]
    written("out/manifest.json", json.dumps({"artifacts": {"s": stack}}))
    violation = {
        "ruleName": "AwsSolutions-SNS3",
        "description": "no TLS",
        "severity": "error",
        "violatingConstructs": [{"constructPath": "S/Topic"}],
    }
    foreign = {**violation, "ruleName": "ALM001"}
    reports = [
        {"pluginName": "AwsSolutions", "violations": [violation]},
        {"pluginName": "holdfast", "violations": [foreign]},
    ]
    written("out/validation-report.json", json.dumps({"pluginReports": reports}))
    assert run(["check", "out", "--with", "cdk-nag", "--no-schemas", "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["rule"], finding["logical_id"], finding["line"]) == ("AwsSolutions-SNS3", "Topic", 2)


def test_missing_report_of_cdk_nag_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", written("a.yaml", QUEUE), "--with", "cdk-nag", "--no-schemas"]) == 4
    assert "run cdk synth with a pack of cdk-nag" in capsys.readouterr().err


def test_cfn_lint_findings_stand_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    path = written("a.yaml", "Parameters: {Unused: {Type: String}}\nResources: {T: {Type: AWS::SNS::Topic}}\n")
    assert run(["check", path, "--with", "cfn-lint", "--no-schemas", "--format", "json"]) == 0
    assert [one["rule"] for one in json.loads(capsys.readouterr().out)["findings"]] == ["W2001"]


def test_schemas_are_checked_by_cfn_lint_where_the_native_checker_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from holdfast.checks import schema

    schema.checker()  # a command before may still be compiling, in a thread of its own
    monkeypatch.setitem(sys.modules, "cloudformation_validate", None)
    schema._compiled.cache_clear()
    path = written("a.yaml", "Resources: {T: {Type: AWS::SNS::Topic, Properties: {Nonsense: 1}}}\n")
    assert run(["check", path, "--format", "json"]) == 1
    assert [one["rule"] for one in json.loads(capsys.readouterr().out)["findings"]] == ["CFN-E3002"]
    monkeypatch.setitem(sys.modules, "cfnlint", None)
    assert run(["check", path]) == 0
    assert "schemas were not checked" in capsys.readouterr().err


def test_explain_tells_law_remedy_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--explain", "fun002"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("FUN002 (warning, functions)\n")
    assert "Source: https://docs.aws.amazon.com/" in told
    assert run(["check", "--explain", "FUN999"]) == 2


def test_pre_commit_hook_calls_the_verb_with_options_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    (hook,) = yaml.safe_load((Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    program, *arguments = hook["entry"].split()
    clean = written("clean.yaml", "Resources: {T: {Type: AWS::SNS::Topic}}\n")
    assert program == "holdfast"
    assert run([*arguments, clean]) == 0
    assert capsys.readouterr().out == ""
    assert run([*arguments, written("secret.yaml", SECRET)]) == 1
    assert "IAM006" in capsys.readouterr().out
