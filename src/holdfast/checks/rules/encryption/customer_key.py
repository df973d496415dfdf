"""ENC006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import KEY_PROPERTIES, Owner, key_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import log_sources

_WRITTEN = {"AWS::S3::Bucket": "BucketEncryption"} | KEY_PROPERTIES


class CustomerKey(ResourceRule):
    """Data at rest is encrypted with a customer-managed key.

    A bucket that receives access logs, of a bucket or a load balancer, is left out: they come with SSE-S3 only.
    """

    id = "ENC006"
    demand = ("customer_keys",)
    resource_types = (
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::DynamoDB::Table",
        "AWS::RDS::DBCluster",
        "AWS::SecretsManager::Secret",
        "AWS::Backup::BackupVault",
        "AWS::EFS::FileSystem",
        "AWS::S3::Bucket",
    )
    remediation = "Name your own KMS key in the resource's encryption property."
    source = "https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at whose key it is."""
        use, prop = key_of(resource), _WRITTEN[resource.type]
        if resource.type == "AWS::S3::Bucket" and _receives_access_logs(resource):
            return
        if use.owner is Owner.UNKNOWN:
            yield self.undecided(resource, prop, use.reason)
        elif use.owner is not Owner.CUSTOMER:
            whose = "a key of AWS" if use.owner is Owner.AWS else "no key of yours"
            yield self.violated(
                resource, prop, f"{resource.type} is encrypted with {whose}; customer keys are demanded"
            )


def _receives_access_logs(bucket: Resource) -> bool:
    return any(kind in ("access", "balancer") for _, kind in log_sources(bucket))
