from __future__ import annotations

import filecmp
import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.checks.lint import lint
from holdfast.errors import InvalidRequest
from holdfast.platforms import synthesize
from tests.platforms.conftest import Stacks, Synthesis, empty_zip
from tests.platforms.reading import meets, settings_with


@meets("BS-02")
def test_stacks_are_in_two_regions_and_the_replica_comes_first(stacks: Stacks) -> None:
    artifacts = json.loads((stacks.folder / "manifest.json").read_text())["artifacts"]
    primary, replica = artifacts["backup-vault-dev"], artifacts["backup-vault-replica-dev"]
    assert primary["environment"] == "aws://unknown-account/us-east-1"
    assert replica["environment"] == "aws://unknown-account/us-west-2"
    assert "backup-vault-replica-dev" in primary["dependencies"]


def test_account_makes_the_assembly_refuse_any_other(synthesis: Synthesis) -> None:
    built = synthesis(account="123456789012", vault={"adopt": {}})
    artifacts = json.loads((built.folder / "manifest.json").read_text())["artifacts"]
    assert artifacts["backup-vault-dev"]["environment"] == "aws://123456789012/us-east-1"
    assert "AWS::AccountId" not in json.dumps([one["BucketName"] for one in built.primary.of("AWS::S3::Bucket")])
    assert not json.loads((built.folder / "manifest.json").read_text()).get("missing")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vault": {"private_network": False}},
        {"vault": {"trusted_accounts": ["210987654321"]}},
        {"environment": "prod"},
        {"account": "123456789012", "alerts": ["ops@example.com"]},
        {"removal": "destroy", "environment": "prod"},
    ],
    ids=["defaults", "no network", "trusted account", "prod", "literal account", "destroy"],
)
def test_templates_have_no_finding_of_cfn_lint(synthesis: Synthesis, changes: dict[str, object]) -> None:
    found = lint(sorted(synthesis(**changes).folder.glob("*.template.json")))
    assert [(one.rule, one.logical_id, one.message) for one in found] == []


def test_same_settings_give_the_same_bytes(stacks: Stacks, tmp_path: Path) -> None:
    synthesize(settings_with(), out=tmp_path / "again", bundle=empty_zip(tmp_path / "b.zip"))
    names = [path.name for path in stacks.folder.glob("*.template.json")]
    assert filecmp.cmpfiles(stacks.folder, tmp_path / "again", names, shallow=False) == (names, [], [])


def test_promise_that_cannot_be_kept_is_refused_with_its_sum_before_anything_is_written(tmp_path: Path) -> None:
    settings = settings_with(vault={"interim_schedule": None})
    with pytest.raises(
        InvalidRequest, match=r"promises\.rpo is 24h .* 24h longest gap .* \+ 4h 10m queue .* = 28h 25m"
    ):
        synthesize(settings, out=tmp_path / "out", bundle=empty_zip(tmp_path / "b.zip"))
    assert not (tmp_path / "out").exists()


def test_constructs_stand_alone_in_any_app() -> None:
    """A CDK user needs no settings file and no platform."""
    code = """
import aws_cdk as cdk
from holdfast.platforms.constructs.bucket import SecureBucket
stack = cdk.Stack(cdk.App(), "Mine")
SecureBucket(stack, "Files", name="mine", key=None, removal=cdk.RemovalPolicy.RETAIN, lifecycle=[])
print(len(cdk.assertions.Template.from_stack(stack).to_json()["Resources"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", "import holdfast.platforms.constructs\n" + code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "2"
