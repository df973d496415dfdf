"""Stacks deploy, change, fail with a reason and go away, through the CloudFormation API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.rehearsal.deploy import DeployFailed, StackEvent, deploy, destroy
from holdfast.rehearsal.ports import EmbeddedAws, Support
from holdfast.stacks.assembly import Stack
from tests.support.emulator import ANYTHING, AWAY, HOME, code, function, invoke, role, stack

pytestmark = pytest.mark.emulator


def queue(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name, **properties}}


def test_progress_tells_every_resource_and_outputs_are_returned(aws: EmbeddedAws) -> None:
    told: list[StackEvent] = []
    outputs = {"Url": {"Value": {"Ref": "Q"}}, "Arn": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}}}

    deployment = deploy(aws, [stack("told", {"Q": queue("told-q")}, Outputs=outputs)], told.append)

    assert ("Q", "CREATE_COMPLETE") in [(event.logical_id, event.status) for event in told]
    assert (told[-1].done, told[-1].total) == (1, 1)
    assert deployment.output("Arn").endswith(":told-q")
    assert deployment.resource("Q") == deployment.output("Url")
    with pytest.raises(KeyError, match="there are Arn, Url"):
        deployment.output("Nothing")


def test_a_second_deployment_changes_what_changed_and_a_third_nothing(aws: EmbeddedAws) -> None:
    def with_timeout(seconds: int) -> list[Stack]:
        return [stack("changed", {"Q": queue("changed-q", VisibilityTimeout=seconds), "Other": queue("same-q")})]

    deploy(aws, with_timeout(10))
    told: list[StackEvent] = []
    deployed = deploy(aws, with_timeout(20), told.append)
    attributes = aws.client("sqs", HOME).get_queue_attributes(
        QueueUrl=deployed.resource("Q"), AttributeNames=["VisibilityTimeout"]
    )["Attributes"]

    assert attributes["VisibilityTimeout"] == "20"
    assert ("Q", "UPDATE_COMPLETE") in [(event.logical_id, event.status) for event in told]
    told.clear()
    assert deploy(aws, with_timeout(20), told.append).stacks[0].resources == deployed.stacks[0].resources
    assert told == []


def test_a_failure_names_the_first_resource_and_why_in_one_line_and_leaves_nothing(aws: EmbeddedAws) -> None:
    bad = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Fn::GetAtt": ["Q", "NoSuchAttribute"]}}}
    resources = {"Q": queue("rolled-back-q"), "Bad": {**bad, "DependsOn": "Q"}}

    with pytest.raises(DeployFailed) as failure:
        deploy(aws, [stack("broken", resources)])

    assert "stack broken" in str(failure.value)
    assert "Bad (AWS::S3::BucketPolicy) CREATE_FAILED" in str(failure.value)
    assert "\n" not in str(failure.value)
    with pytest.raises(ClientError, match=r"QueueDoesNotExist|NonExistentQueue|does not exist"):
        aws.client("sqs", HOME).get_queue_url(QueueName="rolled-back-q")


def test_a_type_nobody_can_create_is_refused_by_name(aws: EmbeddedAws) -> None:
    with pytest.raises(DeployFailed, match=r"AWS::Nobody::Knows"):
        deploy(aws, [stack("unknown", {"X": {"Type": "AWS::Nobody::Knows", "Properties": {}}})])
    assert aws.support(["AWS::Nobody::Knows", "AWS::SQS::Queue", "AWS::EC2::VPC", "Custom::Mine"]) == {
        "AWS::Nobody::Knows": Support.REFUSED,
        "AWS::SQS::Queue": Support.REAL,
        "AWS::EC2::VPC": Support.RECORDED,
        "Custom::Mine": Support.REAL,
    }


def test_destroy_keeps_what_the_template_retains_and_a_full_bucket_stops_it(aws: EmbeddedAws) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full-bucket"}}
    kept = {**bucket, "Properties": {"BucketName": "kept-bucket"}, "DeletionPolicy": "Retain"}
    deployment = deploy(aws, [stack("gone", {"Full": bucket, "Kept": kept, "Q": queue("gone-q")})])
    s3 = aws.client("s3", HOME)
    s3.put_object(Bucket="full-bucket", Key="k", Body=b"precious")

    with pytest.raises(DeployFailed, match=r"Full .*DELETE_FAILED.*not empty"):
        destroy(aws, deployment)
    assert s3.get_object(Bucket="full-bucket", Key="k")["Body"].read() == b"precious"

    s3.delete_object(Bucket="full-bucket", Key="k")
    assert destroy(aws, deployment) == ["kept-bucket"]
    assert {"kept-bucket"} == {one["Name"] for one in s3.list_buckets()["Buckets"]} & {"kept-bucket", "full-bucket"}


def test_a_custom_resource_is_called_and_its_answer_used(aws: EmbeddedAws, tmp_path: Path) -> None:
    provider = code(
        tmp_path,
        "provider",
        """
        import json, urllib.request
        def handler(event, context):
            kept = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
            answer = {"Status": "SUCCESS", "PhysicalResourceId": "made", "Data": {"Told": "value"}, **kept}
            request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
            urllib.request.urlopen(request).read()
        """,
    )
    resources = {
        "Role": role(ANYTHING),
        "Provider": function("provider", provider),
        "Mine": {"Type": "Custom::Mine", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Provider", "Arn"]}}},
    }
    outputs = {"Told": {"Value": {"Fn::GetAtt": ["Mine", "Told"]}}}
    assert deploy(aws, [stack("custom", resources, provider, Outputs=outputs)]).output("Told") == "value"


def test_an_assembly_deploys_in_the_order_of_its_dependencies_into_its_regions(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "main.py").write_text("def handler(event, context):\n    return 'from an assembly'\n")
    asset_bucket = "assembly-assets-${AWS::AccountId}-us-east-1"
    works = function("assembled", code(tmp_path, "unused", ""))
    works["Properties"]["Code"] = {"S3Bucket": {"Fn::Sub": asset_bucket}, "S3Key": "bundle.zip"}
    templates = {
        "second": {"Resources": {"Role": role(ANYTHING), "F": works}},
        "first": {"Resources": {"Q": queue("assembled-q")}},
    }
    for name, template in templates.items():
        (tmp_path / f"{name}.template.json").write_text(json.dumps(template))
    destination = {"d": {"bucketName": asset_bucket, "objectKey": "bundle.zip"}}
    files = {"x": {"source": {"path": "bundle", "packaging": "zip"}, "destinations": destination}}
    (tmp_path / "second.assets.json").write_text(json.dumps({"files": files}))
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://unknown-account/{region}",
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": needs,
        }
        for name, region, needs in (("second", "unknown-region", ["first"]), ("first", AWAY, []))
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))

    deployment = deploy(aws, tmp_path)

    assert [(one.name, one.region) for one in deployment.stacks] == [("first", AWAY), ("second", HOME)]
    assert aws.client("sqs", AWAY).get_queue_url(QueueName="assembled-q")["QueueUrl"] == deployment.resource("Q")
    assert invoke(aws, "assembled") == "from an assembly"
