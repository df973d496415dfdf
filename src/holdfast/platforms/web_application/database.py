"""The database: Aurora PostgreSQL Serverless v2, reached by the tasks and by the rotation of its password alone."""

from __future__ import annotations

from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape, Capacity
from holdfast.platforms.constructs.credentials import DatabaseCredentials
from holdfast.platforms.web_application.keys import KeysStack
from holdfast.platforms.web_application.network import NetworkStack
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.settings.engine_versions import version_of
from holdfast.settings.web_application import WebApplication

_PASSWORD_LENGTH = 32


class ClusterStack(ComponentStack):
    """Deployed after network and keys; the rules that let clients in are here, on both sides of them."""

    def __init__(self, scope: Construct, settings: WebApplication, *, network: NetworkStack, keys: KeysStack) -> None:
        super().__init__(scope, "database", settings=settings, description="Web application: database")
        self.key = keys.key
        subnets = network.network.private_subnets
        self.cluster = AuroraCluster(
            self,
            "Database",
            shape=self._shape(),
            vpc=network.network.vpc,
            subnets=subnets,
            key=self.key,
            credentials=DatabaseCredentials(
                self,
                "Credentials",
                name=self.names.secret,
                username=settings.database.username,
                length=_PASSWORD_LENGTH,
                key=self.key,
                removal=self.leftover,
            ),
            log_key=self.key,
        )
        self.cluster.admit(network.task_group, "the application's tasks")
        self.cluster.rotate(
            subnets=subnets,
            # With NAT too: inside the network, Secrets Manager's name leads to the endpoint.
            endpoint_group=network.network.endpoint_group,
            days=settings.database.rotation_days,
        )
        info = self.cluster.connect_info
        self.info = info
        self.tell("DatabaseEndpoint", info.host, "Host name of the writer")
        self.tell("DatabaseReadEndpoint", info.reader_host, "Host name of the readers")
        self.tell("DatabaseSecretArn", info.secret.secret_arn, "Master credentials with host and port")

    def _shape(self) -> AuroraShape:
        database = self.settings.database
        return self.shape(
            database,
            version=version_of("aurora-postgresql", database.engine_version),
            identifier=self.names.cluster,
            capacity=Capacity(least=database.min_capacity, most=database.max_capacity),
            database=database.name,
            exported_logs=["postgresql"],
        )
