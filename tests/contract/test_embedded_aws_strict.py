"""At the strict level a missing permission and plain HTTP fail as in AWS, and putting them right passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.rehearsal.deploy import deploy
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import AWAY, HOME, code, function, invoke, role, stack
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator

WRITER = """
    import os, boto3
    from botocore.exceptions import ClientError
    s3 = boto3.client("s3")
    def handler(event, context):
        done = {}
        for action in ("put_object", "get_object", "delete_object"):
            body = {"Body": b"x"} if action == "put_object" else {}
            try:
                getattr(s3, action)(Bucket=os.environ["BUCKET"], Key="data/k", **body)
                done[action] = "done"
            except ClientError as error:
                done[action] = error.response["Error"]["Code"]
        return {"done": done, "caller": boto3.client("sts").get_caller_identity()["Arn"]}
"""


def allowed(*actions: str, on: str) -> list[dict[str, Any]]:
    return [{"Effect": "Allow", "Action": list(actions), "Resource": on}]


def tls_only(bucket: str) -> dict[str, Any]:
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [deny]}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": bucket, "PolicyDocument": document}}


def test_a_function_may_do_what_its_role_says_and_no_more(strict_aws: EmbeddedAws, tmp_path: Path) -> None:
    writer = code(tmp_path, "writer", WRITER)

    def deployed(*actions: str) -> dict[str, Any]:
        resources = {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "strict-data"}},
            "Role": role(allowed(*actions, on="arn:aws:s3:::strict-data/data/*")),
            "Writer": function("writer", writer, Environment={"Variables": {"BUCKET": {"Ref": "Bucket"}}}),
        }
        deployment = deploy(strict_aws, [stack("strict", resources, writer)])
        answer: dict[str, Any] = invoke(strict_aws, "writer")
        assert f":assumed-role/{deployment.resource('Role')}/writer" in answer["caller"]
        done: dict[str, Any] = answer["done"]
        return done

    assert deployed("s3:PutObject", "s3:GetObject") == {
        "put_object": "done",
        "get_object": "done",
        "delete_object": "AccessDenied",
    }
    assert deployed("s3:PutObject", "s3:GetObject", "s3:DeleteObject")["delete_object"] == "done"
    assert deployed("s3:GetObject")["put_object"] == "AccessDenied"


def test_plain_http_is_denied_by_the_tls_only_policy_and_passes_without_it(
    strict_aws: EmbeddedAws, tmp_path: Path
) -> None:
    writer = code(tmp_path, "plain", WRITER)

    def put_over(endpoint: str, *, policy: bool) -> str:
        variables = {"BUCKET": {"Ref": "Bucket"}, "AWS_ENDPOINT_URL": endpoint}
        resources = {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "tls-only"}},
            "Role": role(allowed("s3:PutObject", on="arn:aws:s3:::tls-only/*")),
            "Writer": function("plain-writer", writer, Environment={"Variables": variables}),
            **({"Policy": {**tls_only("tls-only"), "DependsOn": "Bucket"}} if policy else {}),
        }
        deploy(strict_aws, [stack("tls", resources, writer)])
        outcome: str = invoke(strict_aws, "plain-writer")["done"]["put_object"]
        return outcome

    assert put_over(strict_aws.plain_endpoint, policy=True) == "AccessDenied"
    assert put_over(strict_aws.endpoint, policy=True) == "done"
    assert put_over(strict_aws.plain_endpoint, policy=False) == "done"


def test_a_wrong_secret_is_refused(strict_aws: EmbeddedAws, tmp_path: Path) -> None:
    liar = code(
        tmp_path,
        "liar",
        """
        import os
        os.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"
        import boto3
        from botocore.exceptions import ClientError
        def handler(event, context):
            try:
                return boto3.client("s3").list_buckets()["Owner"]
            except ClientError as error:
                return error.response["Error"]["Code"]
        """,
    )
    resources = {"Role": role(allowed("s3:*", on="*")), "Liar": function("liar", liar)}
    deploy(strict_aws, [stack("lying", resources, liar)])
    assert invoke(strict_aws, "liar") == "SignatureDoesNotMatch"


def test_an_unsigned_request_is_refused(strict_aws: EmbeddedAws, tmp_path: Path) -> None:
    asker = code(
        tmp_path,
        "unsigned",
        """
        import urllib.error, urllib.request, os
        def handler(event, context):
            try:
                return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/unsigned-bucket/k").status
            except urllib.error.HTTPError as error:
                return error.code
        """,
    )
    resources = {"Role": role(allowed("s3:*", on="*")), "Asker": function("unsigned", asker)}
    deploy(strict_aws, [stack("unsigned", resources, asker)])
    s3 = strict_aws.client("s3", HOME)
    s3.create_bucket(Bucket="unsigned-bucket")
    s3.put_object(Bucket="unsigned-bucket", Key="k", Body=b"private")
    assert invoke(strict_aws, "unsigned") == 403


def test_replication_needs_the_permissions_of_its_role(strict_aws: EmbeddedAws) -> None:
    versioned = {"VersioningConfiguration": {"Status": "Enabled"}}
    target = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "strict-target", **versioned}}
    deploy(strict_aws, [stack("strict-target", {"Bucket": target}, region=AWAY)])
    reading = ["s3:GetReplicationConfiguration", "s3:ListBucket", "s3:GetObjectVersionForReplication"]

    def replicated_with(key: str, *actions: str) -> tuple[str, str]:
        rule = {
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": "arn:aws:s3:::strict-target"},
        }
        configuration = {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Rules": [rule]}
        properties = {"BucketName": "strict-source", "ReplicationConfiguration": configuration, **versioned}
        rights = [
            *allowed(*reading, on="arn:aws:s3:::strict-source*"),
            *allowed(*actions, on="arn:aws:s3:::strict-target/*"),
        ]
        resources = {
            "Role": role(rights, "s3.amazonaws.com"),
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties},
        }
        deploy(strict_aws, [stack("strict-source", resources)])
        strict_aws.client("s3", HOME).put_object(Bucket="strict-source", Key=key, Body=b"x")
        copied = eventually(lambda: [one for one in strict_aws.replication().finished if one.key == key])
        return copied[0].status, copied[0].reason

    status, reason = replicated_with("denied", "s3:ReplicateTags")
    assert status == "FAILED"
    assert "may not s3:ReplicateObject on arn:aws:s3:::strict-target/denied" in reason
    assert replicated_with("granted", "s3:ReplicateObject") == ("COMPLETED", "")


def test_only_the_strict_level_says_that_permissions_and_tls_are_tested(
    strict_aws: EmbeddedAws, aws: EmbeddedAws
) -> None:
    only_plain = {item.subject for item in aws.not_tested()} - {item.subject for item in strict_aws.not_tested()}
    assert only_plain == {"permissions", "transport encryption", "request signatures"}
