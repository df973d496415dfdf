"""What a deployment meets in an account: no bootstrap, a stack at work, one that failed before, names already taken."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.errors import Conflict, InvalidRequest, NotFound
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.stacks import change_set
from holdfast.stacks.assembly import Asset, Stack
from holdfast.stacks.compare import compare
from holdfast.stacks.deploy import deploy, describe
from holdfast.stacks.destroy import destroy, stacks_left
from holdfast.stacks.follow import DeployFailed
from holdfast.stacks.publish import LONGEST_BODY
from tests.support.emulator import HOME, stack

pytestmark = pytest.mark.emulator


def queue(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, **properties}}


def long(stack: Stack) -> Stack:
    """The same with a template that no request takes."""
    return replace(stack, template={**stack.template, "Metadata": {"Long": "x" * LONGEST_BODY}})


def test_an_account_without_bootstrap_is_told_how_to_get_one(aws: EmbeddedAws, tmp_path: Path) -> None:
    file = tmp_path / "code.zip"
    file.write_bytes(b"zip")
    needs = stack("unbootstrapped", {"Q": queue("unbootstrapped")}, Asset(path=file, bucket="nobodys", key="k"))
    with pytest.raises(NotFound, match=f"no bucket nobodys in {HOME}: run `npx aws-cdk bootstrap aws://"):
        deploy(aws, [needs])
    with pytest.raises(NotFound, match="is not deployed"):
        describe(aws, needs)


def test_a_long_template_goes_through_the_bootstraps_bucket_or_is_refused(aws: EmbeddedAws) -> None:
    one = long(stack("long", {"Q": queue("long")}))
    with pytest.raises(InvalidRequest, match="its assembly names no bucket"):
        deploy(aws, [one])

    aws.client("s3", HOME).create_bucket(Bucket="bootstrap-bucket")
    done = deploy(aws, [replace(one, template_bucket="bootstrap-bucket")])
    assert list(done.stacks[0].resources) == ["Q"]
    destroy(aws, done.stacks)


def test_a_stack_left_from_a_failed_creation_is_cleared_away(aws: EmbeddedAws) -> None:
    bad = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Fn::GetAtt": ["Q", "Nothing"]}}}
    with pytest.raises(DeployFailed, match=r"Bad \(AWS::S3::BucketPolicy\)"):
        deploy(aws, [stack("again", {"Q": queue("again"), "Bad": {**bad, "DependsOn": "Q"}})])
    assert "again" in stacks_left(aws, [HOME])

    done = deploy(aws, [stack("again", {"Q": queue("again")})])
    assert list(done.stacks[0].resources) == ["Q"]
    destroy(aws, done.stacks)
    assert "again" not in stacks_left(aws, [HOME])


def test_a_stack_that_someone_else_changes_is_left_to_them(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    done = deploy(aws, [stack("busy", {"Q": queue("busy")})])
    with monkeypatch.context() as patch:
        patch.setattr(change_set, "status_of", lambda *_: "UPDATE_IN_PROGRESS")
        with pytest.raises(Conflict, match="stack busy is UPDATE_IN_PROGRESS: someone else"):
            deploy(aws, [stack("busy", {"Q": queue("busy", VisibilityTimeout=9)})])
        patch.setattr("holdfast.stacks.destroy.status_of", lambda *_: "UPDATE_IN_PROGRESS")
        with pytest.raises(Conflict, match="someone else"):
            destroy(aws, done.stacks)
    destroy(aws, done.stacks)


def test_comparing_tells_what_would_change_and_leaves_nothing(aws: EmbeddedAws) -> None:
    done = deploy(aws, [stack("compared", {"Q": queue("compared"), "Old": queue("compared-old")})])
    other = stack("compared", {"Q": queue("compared-renamed"), "New": queue("compared-new")})

    [found] = compare(aws, [other])

    actions = {change.logical_id: (change.action, change.replaced) for change in found.changes}
    assert actions == {"Q": ("Modify", "yes"), "Old": ("Remove", ""), "New": ("Add", "")}
    cloudformation = aws.client("cloudformation", HOME)
    assert cloudformation.list_change_sets(StackName="compared")["Summaries"] == []
    destroy(aws, done.stacks)
    [new] = compare(aws, [other])
    assert new.is_new
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="compared")


def test_what_an_earlier_stack_kept_is_taken_over_only_on_request(aws: EmbeddedAws) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "taken-over"}}
    one = stack("taking", {"B": bucket})
    assert destroy(aws, deploy(aws, [one]).stacks) == ["taken-over"]

    with pytest.raises(DeployFailed, match=r"B \(AWS::S3::Bucket\) .*'taken-over' already exists.*--import-existing"):
        deploy(aws, [one])
    # MiniStack plans the import, but refuses to carry it out: it takes the bucket's name for a conflict.
    taking = change_set.make(aws, one, time.sleep, import_existing=True)
    assert [(change.logical_id, change.action) for change in taking.changes] == [("B", "Import")]
    change_set.drop(aws, taking)
