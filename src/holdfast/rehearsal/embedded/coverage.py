"""What the embedded AWS gives of each resource type, and what it cannot show at all, as data for the report."""

from __future__ import annotations

from collections.abc import Set

from holdfast.rehearsal.ports import NotTested, Support

# Created and read back, but nothing acts on them.
RECORDED_ONLY = (
    "AWS::ApplicationAutoScaling::",
    "AWS::Backup::",
    "AWS::CertificateManager::",
    "AWS::CloudTrail::",
    "AWS::CloudWatch::Dashboard",
    "AWS::DMS::",
    "AWS::EC2::",
    "AWS::DMS::",
    "AWS::ECS::",
    "AWS::Logs::MetricFilter",
    "AWS::RDS::",
    "AWS::Scheduler::",
    "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::CDK::Metadata",
)
IAM_TEST = "permissions"
TLS_TEST = "transport encryption"
SIGNATURE_TEST = "request signatures"
STRICT_TESTS = frozenset({IAM_TEST, TLS_TEST, SIGNATURE_TEST})

NOT_TESTED = (
    NotTested(subject=IAM_TEST, why="IAM and resource policies are not enforced at this level; use --strict"),
    NotTested(subject=TLS_TEST, why="requests travel over plain HTTP at this level; use --strict"),
    NotTested(subject=SIGNATURE_TEST, why="request signatures are not verified at this level; use --strict"),
    NotTested(
        subject="encryption at rest in S3, DynamoDB, SQS, SNS and Logs",
        why="SSE-KMS is a header here: stored bytes are not encrypted, and a disabled key does not stop a read; "
        "the engine's own envelope encryption is tested, with real KMS answers",
    ),
    NotTested(
        subject="use of KMS keys by other services",
        why="S3, SQS, SNS, CloudTrail and CloudWatch make no KMS call here, so a key policy that forgets one of "
        "them is not noticed; replication's own role is checked at --strict",
    ),
    NotTested(
        subject="time passing",
        why="lifecycle rules, retention expiry, key deletion windows, key rotation and alarms on absence do not elapse",
    ),
    NotTested(subject="alarms on metric math", why="they are recorded, no sum is computed, and they never ring"),
    NotTested(subject="schedules", why="a schedule fires when the rehearsal says so, not by the clock"),
    NotTested(
        subject="network",
        why="subnets, security groups, endpoints and their policies are records: a function in an isolated subnet "
        "reaches everything",
    ),
    NotTested(
        subject="limits of AWS",
        why="no throttling, quota, eventual consistency, latency or cost, unless the rehearsal injects it",
    ),
    NotTested(
        subject="function limits",
        why="memory size, ephemeral storage, architecture and the size of the bundle are not enforced; time limits, "
        "concurrency and retries are",
    ),
    NotTested(
        subject="delivery outside the account",
        why="e-mail subscriptions are recorded, no mail is sent; no access log, trail or flow log is delivered",
    ),
    NotTested(
        subject="storage classes",
        why="every object is readable at once, at no extra cost, except GLACIER and DEEP_ARCHIVE",
    ),
    NotTested(
        subject="durability of S3 and DynamoDB",
        why="one disk on one machine; what is measured of throughput is the emulator's, not Amazon's",
    ),
)


def support_of(resource_type: str, creatable: Set[str]) -> Support:
    """Tell what a type gets, if MiniStack and our extension can create `creatable`."""
    custom = resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource"
    if resource_type not in creatable and not custom:
        return Support.REFUSED
    return Support.RECORDED if resource_type.startswith(RECORDED_ONLY) else Support.REAL
