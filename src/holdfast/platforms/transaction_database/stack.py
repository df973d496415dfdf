"""Adds the template to a CDK app: no bootstrap, no assets, no metadata; the file works without the CDK."""

from __future__ import annotations

from typing import Any

from aws_cdk import (
    BootstraplessSynthesizer,
    CfnCondition,
    CfnMapping,
    CfnOutput,
    CfnParameter,
    CfnResource,
    Environment,
    Fn,
    Stack,
    Token,
)
from constructs import Construct

from holdfast.platforms.transaction_database.database import INSTANCES, PROTECTED, database, log_groups
from holdfast.platforms.transaction_database.network import network
from holdfast.platforms.transaction_database.parameters import class_figures, parameters
from holdfast.platforms.transaction_database.secrets import TRANSFORM, secrets
from holdfast.platforms.transaction_database.template import Body, Resources, Tags, attribute, ref
from holdfast.platforms.transaction_database.watch import watch
from holdfast.settings.platform import PROTECTED_ENVIRONMENTS
from holdfast.settings.transaction_database import TransactionDatabase

# Larger files cannot be handed to CloudFormation but through a bucket.
# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_BYTES = 51_200


class TransactionStack(Stack):
    """One template; region and account are asked of CloudFormation, never written into it."""

    def __init__(self, scope: Construct, settings: TransactionDatabase) -> None:
        name = f"{settings.platform}-{settings.environment}"
        super().__init__(
            scope,
            name,
            stack_name=name,
            description="Aurora MySQL for transaction processing: a writer and two readers in three zones",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.protected,
            synthesizer=BootstraplessSynthesizer(),
            # Indented, the file would be too large for CloudFormation to take without a bucket.
            suppress_template_indentation=True,
        )
        self.template_options.transforms = [TRANSFORM]
        for id_, body in parameters(settings).items():
            self._parameter(id_, body)
        CfnMapping(self, "InstanceClasses", mapping=class_figures())
        if settings.removal != "destroy":
            equal = [Fn.condition_equals(ref("EnvironmentSuffix"), one) for one in sorted(PROTECTED_ENVIRONMENTS)]
            CfnCondition(self, PROTECTED, expression=Fn.condition_or(*equal))
        for id_, body in resources(settings).items():
            self._resource(id_, body)
        for id_, (description, value) in outputs().items():
            name = Fn.sub(f"${{AWS::StackName}}-{id_}")
            CfnOutput(self, id_, description=description, value=Token.as_string(value), export_name=name)

    def _parameter(self, id_: str, body: Body) -> None:
        words = {key[0].lower() + key[1:]: value for key, value in body.items()}
        snake = {"".join(f"_{c.lower()}" if c.isupper() else c for c in key): value for key, value in words.items()}
        CfnParameter(self, id_, **snake)

    def _resource(self, id_: str, body: Body) -> None:
        found = CfnResource(self, id_, type=body["Type"])
        for section, value in body.items():
            if section != "Type":
                found.add_override(section, value)


# What a cluster that goes on running stands on.
_STAYS = {
    "AWS::EC2::VPC",
    "AWS::EC2::Subnet",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::SecurityGroup",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBParameterGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
}


def resources(settings: TransactionDatabase) -> Resources:
    """Return every resource; the logical ids are what operators and other stacks rely on."""
    tags = Tags(settings.tags)
    groups = list(log_groups(settings.database).values())
    found = (
        network(tags) | secrets(settings, tags, groups) | database(settings, tags) | watch(tags, settings.alerts[1:])
    )
    if settings.removal == "retain":
        for body in found.values():
            if body["Type"] in _STAYS:
                body |= {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    return found


def outputs() -> dict[str, tuple[str, Any]]:
    """Return description and value of every output; each is exported as `{stack}-{name}`."""
    cluster = "AuroraCluster"
    return {
        "ClusterEndpoint": ("Endpoint of the writer", attribute(cluster, "Endpoint.Address")),
        "ClusterReaderEndpoint": ("Endpoint of the readers", attribute(cluster, "ReadEndpoint.Address")),
        "ClusterPort": ("Port", attribute(cluster, "Endpoint.Port")),
        "DatabaseName": ("Database", ref("DBName")),
        "ClusterIdentifier": ("Cluster", ref(cluster)),
        **{
            f"Instance{n}Identifier": (f"Instance {n}{' (primary when created)' if n == 1 else ''}", ref(id_))
            for n, id_ in enumerate(INSTANCES, 1)
        },
        "KMSKeyId": ("Key", ref("KMSKey")),
        "SecurityGroupId": ("Security group of the database", attribute("DBSecurityGroup", "GroupId")),
        "VPCId": ("VPC", ref("VPC")),
        "PasswordSecretArn": ("Secret of the master user", ref("DBPasswordSecret")),
        "SNSTopicArn": ("Topic of the alarms", ref("AlarmTopic")),
    }
