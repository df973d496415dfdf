"""A database's master credentials: generated, attached, and rotated from inside its network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IConstruct

from holdfast.platforms.constructs.network import pass_through

_TLS = 443


@dataclass(frozen=True, kw_only=True)
class RotationSeat:
    """Where the rotation function runs: subnets with a way to the database and to Secrets Manager.

    `endpoint_group` is the security group of an interface endpoint to Secrets Manager with private DNS in the same
    VPC. It is not needed where the subnets have a NAT gateway; TLS then leaves to any address.
    """

    vpc: ec2.IVpc
    subnets: Sequence[ec2.ISubnet]
    endpoint_group: ec2.ISecurityGroup | None


class DatabaseCredentials(Construct):
    """A generated secret `{username, password}`; the password leaves it by dynamic reference alone.

    `name` is fixed, so a deleted secret keeps the name for Secrets Manager's recovery window (CloudFormation deletes
    without one).
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        username: str,
        length: int,
        key: kms.IKey,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        self.username = username
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            secret_name=name,
            description=f"Master user {username}: generated, attached to its cluster, rotated",
            encryption_key=key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": username}),
                generate_string_key="password",
                password_length=length,
                exclude_punctuation=True,
            ),
            removal_policy=removal,
        )

    def for_cluster(self) -> rds.Credentials:
        """Return them as the cluster takes them: the name in plain text, the password as a dynamic reference."""
        return rds.Credentials.from_secret(self.secret, self.username)


class RotatedCredentials(Construct):
    """A rotation of a cluster's attached secret by the function AWS hosts, in a seat from which it works.

    The schedule names the attachment, so that it starts when the secret holds the host; the database admits the
    function's security group and nothing else leaves that group but TLS to the endpoint. It rotates at once, so it is
    made after the instances and the rules; an endpoint to Secrets Manager has to be a dependency of `schedule`.

    `AWS::SecretsManager::RotationSchedule` with a hosted function is a CloudFormation transform: it makes a nested
    stack, and its deployer needs CAPABILITY_AUTO_EXPAND and CAPABILITY_IAM.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-network-rqs.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        cluster: rds.DatabaseCluster,
        database_group: ec2.ISecurityGroup,
        port: int,
        seat: RotationSeat,
        function_name: str,
        days: int = 30,
    ) -> None:
        super().__init__(scope, id_)
        self.group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=seat.vpc,
            description="Rotation function: to its database and to Secrets Manager",
            allow_all_outbound=False,
        )
        admit(self.group, database_group, port, "rotation of the master password")
        if seat.endpoint_group:
            # Said from this side, so that both rules are in this stack and the endpoint's may be an earlier one.
            self.group.connections.allow_to(seat.endpoint_group, ec2.Port.tcp(_TLS), "rotation to Secrets Manager")
        else:
            self.group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_TLS), "Secrets Manager, through NAT")
        hosted = secretsmanager.HostedRotation
        options: dict[str, Any] = {
            "function_name": function_name,
            "exclude_characters": "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()),
            "vpc": seat.vpc,
            "vpc_subnets": ec2.SubnetSelection(subnets=list(seat.subnets)),
            "security_groups": [self.group],
        }
        family = cluster.engine.engine_family if cluster.engine else None
        kind = hosted.mysql_single_user if family == "MYSQL" else hosted.postgre_sql_single_user
        assert cluster.secret
        self.schedule = cluster.secret.add_rotation_schedule(
            "Rotation", automatically_after=Duration.days(days), hosted_rotation=kind(**options)
        )
        groups = [self.group, database_group, *([seat.endpoint_group] if seat.endpoint_group else [])]
        self._after(cluster, *groups)

    def _after(self, *parts: IConstruct) -> None:
        """Make the schedule after instances and rules: it rotates at once, and would find nobody to talk to."""
        kinds = (rds.CfnDBInstance, ec2.CfnSecurityGroupIngress, ec2.CfnSecurityGroupEgress)
        for part in parts:
            for one in part.node.find_all():
                if isinstance(one, kinds):
                    self.schedule.node.add_dependency(one)


def admit(client: ec2.ISecurityGroup, server: ec2.ISecurityGroup, port: int, why: str) -> None:
    """Let `client` open TCP connections to `port` of `server`: one rule on each side, between the groups alone."""
    server.connections.allow_from(client, ec2.Port.tcp(port), why)


def pass_secret(secret: secretsmanager.Secret) -> list[iam.PolicyStatement]:
    """Return what an endpoint to Secrets Manager has to pass for `secret` to be read and rotated from inside.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
    """
    actions = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
    return [
        pass_through(secret, [f"secretsmanager:{action}" for action in actions], [secret.secret_arn]),
        pass_through(secret, ["secretsmanager:GetRandomPassword"], ["*"]),
    ]
