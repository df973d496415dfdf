"""A small app around the database constructs, for the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs

from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape
from holdfast.platforms.constructs.credentials import DatabaseCredentials
from holdfast.platforms.constructs.database_alarms import database_events_may_use
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use
from holdfast.platforms.constructs.network import IsolatedNetwork
from holdfast.platforms.constructs.removal import key_removal
from holdfast.settings.engine_versions import DEFAULT_POSTGRESQL, version_of
from tests.platforms.reading import Template


class Bench(Stack):
    """A network, a key, credentials and a cluster of three, with changes to its shape."""

    def __init__(self, app: App, **changes: Any) -> None:
        super().__init__(app, "Bench", env=Environment(region="us-east-1"))
        self.network = IsolatedNetwork(self, "Network", name="bench")
        provisioned = {} if "capacity" in changes else {"instance_class": "db.r6g.large"}
        self.shape = AuroraShape(
            **{
                "version": version_of("aurora-postgresql", DEFAULT_POSTGRESQL),
                "identifier": "orders-dev",
                "readers": 2,
                "exported_logs": ["postgresql"],
                "log_days": logs.RetentionDays.ONE_WEEK,
                "backup_days": 7,
                "protected": False,
                "removal": RemovalPolicy.DESTROY,
                **provisioned,
                **changes,
            }
        )
        statements = [alarms_may_use(self), database_events_may_use(self), logs_may_use(self, self.shape.log_groups)]
        self.key = CustomerKey(
            self, "Key", alias="orders", statements=statements, removal=key_removal(self.shape.removal)
        ).key
        self.credentials = DatabaseCredentials(
            self,
            "Credentials",
            name="orders-credentials-dev",
            username="dbadmin",
            length=32,
            key=self.key,
            removal=RemovalPolicy.DESTROY,
        )
        self.database = AuroraCluster(
            self,
            "Database",
            shape=self.shape,
            vpc=self.network.vpc,
            subnets=self.network.vpc.isolated_subnets,
            key=self.key,
            credentials=self.credentials,
            log_key=self.key,
        )


def synthesized(wire: Callable[[Bench], object] = lambda bench: None, **changes: Any) -> Template:
    """Return the template of a bench after `wire` has added to it."""
    app = App(analytics_reporting=False, tree_metadata=False)
    bench = Bench(app, **changes)
    wire(bench)
    return Template(app.synth().get_stack_by_name("Bench").template)
