"""NAM003."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, Value


class TagsAreThere(ResourceRule):
    """Every taggable resource carries the tags that are demanded."""

    id = "NAM003"
    demand = ("required_tags",)
    resource_types = (
        "AWS::S3::Bucket",
        "AWS::DynamoDB::Table",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::CloudWatch::Alarm",
        "AWS::EC2::VPC",
        "AWS::EC2::Subnet",
        "AWS::EC2::SecurityGroup",
        "AWS::SecretsManager::Secret",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ECS::Service",
        "AWS::ECS::Cluster",
        "AWS::Logs::LogGroup",
        "AWS::Backup::BackupVault",
        "AWS::Backup::BackupPlan",
        "AWS::CloudTrail::Trail",
        "AWS::EC2::NatGateway",
        "AWS::EC2::EIP",
    )
    remediation = "Add the tags to the resource, or to the whole stack."
    source = "https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the keys; values are free."""
        wanted = resource.system.demands.required_tags or ()
        tags = _tags(resource)
        if isinstance(tags, Undecided):
            yield self.undecided(resource, "Tags", tags)
            return
        missing = [name for name in wanted if name not in tags]
        if missing:
            yield self.violated(resource, "Tags", f"it lacks the tags {', '.join(missing)}, which are demanded")


def _tags(resource: Resource) -> Mapping[str, Value] | Undecided:
    if resource.type == "AWS::Backup::BackupVault":
        tags = resource.get("BackupVaultTags")
        return tags if isinstance(tags, dict | Undecided) else {}
    return resource.tags
