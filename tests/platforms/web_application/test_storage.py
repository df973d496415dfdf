from __future__ import annotations

import pytest

from tests.platforms.reading import meets, statement
from tests.platforms.web_application.stacks import imports, stack

BUCKETS = ("storage-bucket-", "log-bucket-")


def encryption(start: str) -> dict[str, object]:
    rules = stack("storage").bucket(start)["BucketEncryption.ServerSideEncryptionConfiguration"]
    found: dict[str, object] = rules[0]["ServerSideEncryptionByDefault"]
    return found


@meets("HA-11", "HA-14")
@pytest.mark.parametrize("start", BUCKETS)
def test_bucket_is_versioned_private_and_owned(start: str) -> None:
    bucket = stack("storage").bucket(start)
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@meets("HA-12", "HA-14")
def test_objects_are_encrypted_with_the_customers_key() -> None:
    found = encryption("storage-bucket-")
    assert found["SSEAlgorithm"] == "aws:kms"
    assert imports(found["KMSMasterKeyID"]).startswith("web-application-keys-dev:")


@meets("HA-14")
def test_access_logs_use_the_only_encryption_a_balancer_delivers_to() -> None:
    assert encryption("log-bucket-") == {"SSEAlgorithm": "AES256"}


@meets("HA-13")
def test_lifecycle_spares_what_is_in_use_and_makes_the_rest_cheaper_then_gone() -> None:
    (rule,) = stack("storage").bucket("storage-bucket-")["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    assert "Transitions" not in rule
    assert rule["NoncurrentVersionTransitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    (logs,) = stack("storage").bucket("log-bucket-")["LifecycleConfiguration"]["Rules"]
    assert logs["ExpirationInDays"] == 90


def test_objects_move_to_infrequent_access_where_asked() -> None:
    changes = {"infrequent_access_after": "60d", "keep_versions": "30d"}
    promises = {"availability": "98.9%"}
    (rule,) = stack("storage", storage=changes, promises=promises).bucket("storage-bucket-")["LifecycleConfiguration"][
        "Rules"
    ]
    assert rule["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": 60}]
    assert "NoncurrentVersionTransitions" not in rule


@meets("HA-15")
@pytest.mark.parametrize("start", BUCKETS)
def test_plain_http_is_denied(start: str) -> None:
    found = [one for one in stack("storage").bucket_policy(start) if one["Effect"] == "Deny"]
    assert [one["Condition"] for one in found] == [{"Bool": {"aws:SecureTransport": "false"}}]
    assert found[0]["Principal"] == {"AWS": "*"}
    assert found[0]["Action"] == "s3:*"


def test_balancers_of_this_account_may_deliver_their_logs() -> None:
    found = statement(stack("storage").bucket_policy("log-bucket-"), "AllowLoadBalancerLogs")
    assert found["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert "{AWS::AccountId}:loadbalancer/*" in found["Condition"]["ArnLike"]["aws:SourceArn"]


@meets("HA-16", "HA-17", "HA-18", "HA-19")
def test_sessions_are_on_demand_recoverable_watched_and_encrypted() -> None:
    table = stack("storage").one("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["ContributorInsightsSpecification"] == {"Enabled": True}
    assert table["SSESpecification.SSEType"] == "KMS"
    assert imports(table["SSESpecification.KMSMasterKeyId"]).startswith("web-application-keys-dev:")
    assert table["KeySchema"] == [{"AttributeName": "sessionId", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expirationTime", "Enabled": True}
