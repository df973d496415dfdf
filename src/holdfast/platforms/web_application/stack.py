"""What the stacks of the components share."""

from __future__ import annotations

from typing import Literal

from aws_cdk import RemovalPolicy, Tags
from constructs import Construct

from holdfast.platforms.database_stack import DatabaseStack
from holdfast.platforms.web_application.claims import tags_of
from holdfast.platforms.web_application.names import Names
from holdfast.settings.web_application import WebApplication

Component = Literal["network", "keys", "database", "storage", "compute", "monitoring", "backup"]


class ComponentStack(DatabaseStack):
    """One component: names, tags, protection and removal as the settings say; `removal` is the cluster's."""

    settings: WebApplication

    def __init__(self, scope: Construct, component: Component, *, settings: WebApplication, description: str) -> None:
        super().__init__(
            scope, settings=settings, zones=settings.network.zones, description=description, part=component
        )
        self.names = Names(settings=settings, account=self.account, partition=self.partition)
        for key, value in tags_of(settings).items():
            Tags.of(self).add(key, value)

    @property
    def data_removal(self) -> RemovalPolicy:
        """Removal of table, buckets, vault and key: a last snapshot of the cluster keeps them as well."""
        return self.key_removal
