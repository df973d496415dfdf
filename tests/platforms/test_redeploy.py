"""What a second deployment meets, on the embedded AWS: the stack's own functions are stubs here."""

from __future__ import annotations

import inspect
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesize
from holdfast.rehearsal.deploy import CAPABILITIES, DeployFailed, Deployment, deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.stacks.assembly import Stack, read_assembly
from tests.platforms.reading import meets, settings_with

pytestmark = [pytest.mark.emulator, pytest.mark.synth]

ANSWER = """
import json, urllib.request

def handler(event, _context):
    names = ("StackId", "RequestId", "LogicalResourceId")
    data = {"KeyArn": event["ResourceProperties"].get("Adopted") or KEY}
    answer = {"Status": "SUCCESS", "PhysicalResourceId": "here", "Data": data, **{name: event[name] for name in names}}
    urllib.request.urlopen(urllib.request.Request(
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT", headers={"Content-Type": ""}
    ), timeout=30).read()
"""


def stub_bundle(path: Path) -> Path:
    """A zip whose custom resources only answer."""
    key = "KEY = 'arn:aws:kms:us-west-2:000000000000:key/any'\n"
    with zipfile.ZipFile(path, "w") as bundle:
        for name in ("__init__", "vault/__init__"):
            bundle.writestr(f"holdfast/{name}.py", "")
        for name in ("create", "replica_key"):
            bundle.writestr(f"holdfast/vault/{name}.py", key + inspect.cleandoc(ANSWER) + "\n")
    return path


class Vault:
    """A vault deployed and deleted once."""

    def __init__(self, aws: EmbeddedAws, folder: Path) -> None:
        self.aws = aws
        self._bundle = stub_bundle(folder / "bundle.zip")
        self._folder = folder
        self.deployment: Deployment = deploy(aws, self.synthesize("first"))

    def synthesize(self, name: str, **vault: Any) -> Path:
        out = self._folder / name
        synthesize(settings_with(account=self.aws.account, vault=vault), out=out, bundle=self._bundle)
        return out

    def stacks(self, folder: Path) -> list[Stack]:
        return read_assembly(folder, account=self.aws.account, default_region="us-east-1")

    def keys(self) -> dict[str, str]:
        """ARNs of the keys, found as an operator finds them: by the aliases that were kept with them."""

        def arn(region: str, kind: str) -> str:
            alias = f"alias/backup-encryption-key-{kind}-dev"
            found: str = self.aws.client("kms", region).describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
            return found

        return {"primary_key": arn("us-east-1", "primary"), "replica_key": arn("us-west-2", "replication")}

    def actions(self, stack: Stack) -> dict[str, str]:
        """What a change set that may import would do, by logical id."""
        client = self.aws.client("cloudformation", stack.region)
        s3 = self.aws.client("s3", stack.region)
        bucket = f"templates-{stack.region}"
        place = {} if stack.region == "us-east-1" else {"LocationConstraint": stack.region}
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": place} if place else {}))
        s3.put_object(Bucket=bucket, Key=stack.name, Body=json.dumps(stack.template).encode())
        client.create_change_set(
            StackName=stack.name,
            ChangeSetName="again",
            ChangeSetType="CREATE",
            TemplateURL=f"{self.aws.endpoint}/{bucket}/{stack.name}",
            Capabilities=CAPABILITIES,
            ImportExistingResources=True,
        )
        for _ in range(300):
            found = client.describe_change_set(StackName=stack.name, ChangeSetName="again")
            if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            time.sleep(0.1)
        assert found["Status"] == "CREATE_COMPLETE", found.get("StatusReason")
        changes = [change["ResourceChange"] for change in found["Changes"]]
        return {change["LogicalResourceId"]: change["Action"] for change in changes}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    folder = tmp_path_factory.mktemp("vault")
    with embedded_aws(folder=folder) as aws:
        one = Vault(aws, folder)
        destroy(aws, one.deployment)
        yield one


@meets("BS-95")
def test_second_deployment_is_refused_while_it_would_only_create(vault: Vault) -> None:
    """The defect of the known designs, and why adopting is needed."""
    with pytest.raises(DeployFailed):
        deploy(vault.aws, vault.synthesize("plain"))


@meets("BS-95")
def test_change_set_imports_everything_that_was_kept(vault: Vault) -> None:
    kept = {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    for stack in vault.stacks(vault.synthesize("adopted", adopt=vault.keys())):
        resources = stack.template["Resources"]
        actions = vault.actions(stack)
        assert {id_ for id_, action in actions.items() if action == "Import"} == {
            id_ for id_, resource in resources.items() if resource["Type"] in kept
        }
        assert set(actions) == set(resources)
