"""An RDS Proxy before a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraCluster
from holdfast.platforms.constructs.credentials import admit
from holdfast.platforms.constructs.function import allow

_IDLE_SECONDS = 1800


class DatabaseProxy(Construct):
    """A proxy that pools connections to the writer, TLS only, and keeps them through a failover.

    It reads the cluster's secret, which `key` encrypts, by a role of its own; who wants to use it has to be admitted.
    Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy.html
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        database: AuroraCluster,
        vpc: ec2.IVpc,
        subnets: Sequence[ec2.ISubnet],
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_)
        self._port = database.shape.port
        self.group = ec2.SecurityGroup(
            self, "Group", vpc=vpc, description="Proxy: its clients in, its database out", allow_all_outbound=False
        )
        database.admit(self.group, "the proxy")
        family = "MYSQL" if database.shape.version.engine == "aurora-mysql" else "POSTGRESQL"
        role = self._role(database, key)
        # The CDK's own proxy admits itself by a port that is known only at deployment, so that no check can read it.
        self.proxy = rds.CfnDBProxy(
            self,
            "Proxy",
            db_proxy_name=name,
            engine_family=family,
            require_tls=True,
            role_arn=role.role_arn,
            auth=[
                rds.CfnDBProxy.AuthFormatProperty(
                    auth_scheme="SECRETS", iam_auth="DISABLED", secret_arn=database.connect_info.secret.secret_arn
                )
            ],
            vpc_subnet_ids=[one.subnet_id for one in subnets],
            vpc_security_group_ids=[self.group.security_group_id],
            idle_client_timeout=_IDLE_SECONDS,
        )
        targets = rds.CfnDBProxyTargetGroup(
            self,
            "Targets",
            db_proxy_name=self.proxy.ref,
            target_group_name="default",
            db_cluster_identifiers=[database.cluster_id],
        )
        # A target is registered only while its instances are there.
        for one in database.cluster.node.find_all():
            if isinstance(one, rds.CfnDBInstance):
                targets.node.add_dependency(one)

    def _role(self, database: AuroraCluster, key: kms.IKey) -> iam.Role:
        """Return the role that reads the secret, and opens it through Secrets Manager alone."""
        through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{Stack.of(self).region}.amazonaws.com"}}
        secret = database.connect_info.secret.secret_arn
        return iam.Role(
            self,
            "Role",
            description="The proxy reads its database's credentials",
            assumed_by=iam.ServicePrincipal(
                "rds.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            inline_policies={
                "Rights": iam.PolicyDocument(
                    statements=[
                        allow("ReadSecret", ["secretsmanager:GetSecretValue"], [secret]),
                        allow("OpenSecret", ["kms:Decrypt"], [key.key_arn], through),
                    ]
                )
            },
        )

    def admit(self, client: ec2.ISecurityGroup, why: str) -> None:
        """Let the members of `client` connect to the proxy."""
        admit(client, self.group, self._port, why)
