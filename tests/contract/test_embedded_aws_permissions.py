"""At the strict level batches, transactions and conditional writes are checked as IAM checks them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.aws_stores import make_stores
from tests.support.emulator import AWAY, HOME
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator

As = Callable[..., Any]


@pytest.fixture
def as_role(strict_aws: EmbeddedAws) -> As:
    """Return a client of a service for a new role with these statements."""
    numbers = iter(range(100))

    def client(service: str, name: str, *statements: dict[str, Any]) -> Any:
        iam, sts = strict_aws.client("iam", HOME), strict_aws.client("sts", HOME)
        role_name = f"{name}-{next(numbers)}"
        principal = {"AWS": f"arn:aws:iam::{strict_aws.account}:root"}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        rights = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=role_name, PolicyName="rights", PolicyDocument=rights)
        credentials = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        session: Any = botocore.session.Session()
        return session.create_client(
            service,
            region_name=HOME,
            endpoint_url=strict_aws.endpoint,
            verify=strict_aws.environment(HOME)["AWS_CA_BUNDLE"],
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )

    return client


def allow(*actions: str, on: str = "*", **condition: Any) -> dict[str, Any]:
    conditions = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **conditions}


def refusal(call: Callable[[], Any]) -> str | None:
    """Return the code of the error, None where there is none."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_a_batch_of_messages_needs_the_right_to_send_one(strict_aws: EmbeddedAws, as_role: As) -> None:
    url = strict_aws.client("sqs", HOME).create_queue(QueueName="batches")["QueueUrl"]
    entries = [{"Id": "1", "MessageBody": "m"}]
    sender = as_role("sqs", "sender", allow("sqs:SendMessage"))
    reader = as_role("sqs", "reader", allow("sqs:ReceiveMessage"))
    assert refusal(lambda: sender.send_message_batch(QueueUrl=url, Entries=entries)) is None
    assert refusal(lambda: reader.send_message_batch(QueueUrl=url, Entries=entries)) is not None


def test_leading_keys_bound_what_an_item_of_a_transaction_may_delete(strict_aws: EmbeddedAws, as_role: As) -> None:
    table = make_stores(strict_aws).metadata
    condition: dict[str, Any] = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["active#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    worker = as_role("dynamodb", "worker", allow("dynamodb:PutItem"), allow("dynamodb:DeleteItem", **condition))

    def key(partition: str) -> dict[str, Any]:
        return {"backupId": {"S": partition}, "timestamp": {"S": "-"}}

    def beside_a_put(partition: str) -> str | None:
        actions = [
            {"Put": {"TableName": table, "Item": key("completed#snapshots")}},
            {"Delete": {"TableName": table, "Key": key(partition)}},
        ]
        return refusal(lambda: worker.transact_write_items(TransactItems=actions))

    assert beside_a_put("active#sessions") is None
    assert "AccessDenied" in str(beside_a_put("completed#snapshots"))
    assert refusal(lambda: worker.delete_item(TableName=table, Key=key("active#sessions"))) is None
    assert "AccessDenied" in str(refusal(lambda: worker.delete_item(TableName=table, Key=key("epoch"))))


def test_a_statement_needs_the_right_of_its_kind_whatever_request_carries_it(
    strict_aws: EmbeddedAws, as_role: As
) -> None:
    table = make_stores(strict_aws).deduplication
    writer = as_role("dynamodb", "inserter", allow("dynamodb:PartiQLInsert"))
    other = as_role("dynamodb", "putter", allow("dynamodb:PutItem"))
    insert = {"Statement": f"INSERT INTO \"{table}\" VALUE {{'contentHash': ?}}", "Parameters": [{"S": "a"}]}
    delete = {"Statement": f'DELETE FROM "{table}" WHERE "contentHash" = ?', "Parameters": [{"S": "a"}]}
    assert refusal(lambda: writer.batch_execute_statement(Statements=[insert])) is None
    assert "AccessDenied" in str(refusal(lambda: writer.batch_execute_statement(Statements=[insert, delete])))
    assert "AccessDenied" in str(refusal(lambda: writer.execute_statement(**delete)))
    assert "AccessDenied" in str(refusal(lambda: other.batch_execute_statement(Statements=[insert])))


def test_a_bucket_that_demands_new_names_takes_only_conditional_puts(strict_aws: EmbeddedAws, as_role: As) -> None:
    s3 = strict_aws.client("s3", HOME)
    s3.create_bucket(Bucket="only-new-names")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::only-new-names/backups/*",
        "Condition": {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
    }
    s3.put_bucket_policy(Bucket="only-new-names", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    writer = as_role("s3", "writer", allow("s3:PutObject"))
    put = {"Bucket": "only-new-names", "Key": "backups/a", "Body": b"x"}
    assert refusal(lambda: writer.put_object(**put)) == "AccessDenied"
    assert refusal(lambda: writer.put_object(**put, IfNoneMatch="*")) is None
    assert refusal(lambda: writer.put_object(**put, IfNoneMatch="*")) == "PreconditionFailed"
    assert refusal(lambda: writer.create_multipart_upload(Bucket="only-new-names", Key="backups/b")) is None
    assert refusal(lambda: writer.put_object(**{**put, "Key": "elsewhere"})) is None


def test_replication_passes_a_tls_only_policy_and_keys_bound_to_their_bucket(strict_aws: EmbeddedAws) -> None:
    source, target = "tls-source", "tls-target"
    for region, bucket in ((HOME, source), (AWAY, target)):
        s3 = strict_aws.client("s3", region)
        where = {} if region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    keys = {region: strict_aws.client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, AWAY)}
    s3 = strict_aws.client("s3", HOME)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{source}", f"arn:aws:s3:::{source}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=source, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))

    def key_use(action: str, region: str, bucket: str) -> dict[str, Any]:
        return allow(
            action,
            on=keys[region],
            StringEquals={"kms:ViaService": f"s3.{region}.amazonaws.com"},
            StringLike={"kms:EncryptionContext:aws:s3:arn": [f"arn:aws:s3:::{bucket}"]},
        )

    iam = strict_aws.client("iam", HOME)
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    rights = [
        allow("s3:GetReplicationConfiguration", "s3:ListBucket", on=f"arn:aws:s3:::{source}"),
        allow("s3:GetObjectVersionForReplication", on=f"arn:aws:s3:::{source}/*"),
        allow("s3:ReplicateObject", on=f"arn:aws:s3:::{target}/*"),
        key_use("kms:Decrypt", HOME, source),
        key_use("kms:Encrypt", AWAY, target),
    ]
    iam.put_role_policy(
        RoleName="replicator",
        PolicyName="rights",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": rights}),
    )
    rule = {
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{target}",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": keys[AWAY]},
        },
    }
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": [rule]})
    s3.put_object(Bucket=source, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[HOME])
    copied = eventually(lambda: [one for one in strict_aws.replication().finished if one.bucket == source])
    assert (copied[0].status, copied[0].reason) == ("COMPLETED", "")
