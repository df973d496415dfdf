"""NAM004."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Reference, as_text, references

_NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::IAM::Role": "RoleName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::Backup::BackupPlan": "BackupPlan.BackupPlanName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::Service": "ServiceName",
    "AWS::CloudTrail::Trail": "TrailName",
}
_STAGE = re.compile(r"(?i)(?:^|[-_/])(?:dev|test|qa|stage|staging|prod|production|sandbox)(?:$|[-_/])")


class EnvironmentInName(ResourceRule):
    """Every name that a template fixes holds the environment, so that two environments fit into one account."""

    id = "NAM004"
    demand = ("environment_suffix",)
    resource_types = (
        "AWS::S3::Bucket",
        "AWS::DynamoDB::Table",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::SQS::Queue",
        "AWS::SNS::Topic",
        "AWS::Lambda::Function",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::Logs::LogGroup",
        "AWS::SecretsManager::Secret",
        "AWS::Backup::BackupVault",
        "AWS::Backup::BackupPlan",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::ECS::Cluster",
        "AWS::ECS::Service",
        "AWS::SSM::Parameter",
        "AWS::Events::Rule",
        "AWS::CloudTrail::Trail",
    )
    remediation = "Add the environment's name, as a parameter or literally, to the name."
    source = (
        "https://docs.aws.amazon.com/whitepapers/latest/organizing-your-aws-environment/organizing-"
        "your-aws-environment.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the environment in the text, or a parameter or stack name that stands for it."""
        prop = _NAMES.get(resource.type, "Name")
        name = as_text(resource.get(prop))
        if name is None or "${AWS::StackName}" in name or "${AWS::StackId}" in name:
            return
        environment = resource.system.demands.environment
        if environment is not None:
            if environment.lower() in name.lower() or any(
                isinstance(r, Reference) for r in references(resource.get(prop))
            ):
                return
        elif _written_with_parameter(resource.raw(prop)) or _STAGE.search(name):
            return
        if "${?" in name:
            yield self.undecided(resource, prop, resource.get(prop))
        else:
            what = f"environment {environment}" if environment else "parameter for the environment"
            yield self.violated(
                resource, prop, f"the name {name} holds no {what}: a second environment collides with it"
            )


def _written_with_parameter(raw: Any) -> bool:
    text = json.dumps(raw, default=str).lower()
    return any(f'"{word}' in text or f"${{{word}" in text for word in ("env", "stage", "suffix")) or "suffix" in text
