"""What the stacks of the components share."""

from __future__ import annotations

from typing import Literal

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Environment, Fn, Stack, Tags
from constructs import Construct

from holdfast.platforms.constructs.removal import data_removal, database_removal
from holdfast.platforms.web_application.claims import tags_of
from holdfast.platforms.web_application.names import Names
from holdfast.settings.web_application import WebApplication

Component = Literal["network", "keys", "database", "storage", "compute", "monitoring", "backup"]


class ComponentStack(Stack):
    """One component: names, tags, protection and removal as the settings say.

    `removal` is the policy of table, buckets, vault and key, `cluster_removal` the database's.
    """

    def __init__(self, scope: Construct, component: Component, *, settings: WebApplication, description: str) -> None:
        name = f"web-application-{component}-{settings.environment}"
        self._zones = settings.network.zones
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=description,
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.protected,
            # The bootstrap's version is still checked by the deployer, from the assembly's manifest.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.settings = settings
        self.names = Names(settings=settings, account=self.account, partition=self.partition)
        self.removal = data_removal(settings.destroyable)
        self.cluster_removal = database_removal(settings.removal, protected=settings.protected)
        for key, value in tags_of(settings).items():
            Tags.of(self).add(key, value)

    @property
    def availability_zones(self) -> list[str]:
        """Ask CloudFormation for the zones: the CDK would otherwise ask the account at synthesis."""
        return [Fn.select(index, Fn.get_azs()) for index in range(self._zones)]

    def tell(self, name: str, value: str, description: str) -> None:
        """Add an output."""
        CfnOutput(self, name, value=value, description=description)
