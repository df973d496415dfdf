"""What the stack of every database platform shares."""

from __future__ import annotations

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Environment, Fn, RemovalPolicies, RemovalPolicy, Stack, Tags
from constructs import Construct

from holdfast.platforms.constructs.removal import database_removal, key_removal
from holdfast.settings.platform import PlatformSettings


class DatabaseStack(Stack):
    """One stack in one region: tags on everything, protection and removal as the settings say.

    Args:
        region: where it is not the first region; `part` then tells its name from the first stack's.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        settings: PlatformSettings,
        zones: int,
        description: str,
        region: str | None = None,
        part: str | None = None,
    ) -> None:
        self._zones = zones
        name = "-".join([settings.platform, *([part] if part else []), settings.environment])
        super().__init__(
            scope,
            name,
            stack_name=name,
            description=description,
            env=Environment(account=settings.account, region=region or settings.region),
            termination_protection=settings.protected,
            # The bootstrap's version is still checked by the deployer, from the assembly's manifest.
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self.removal = database_removal(settings.removal, protected=settings.protected)
        self.key_removal = key_removal(self.removal)
        for key, value in tags_of(settings).items():
            # The CDK takes the target group of a proxy for taggable; CloudFormation does not.
            Tags.of(self).add(key, value, exclude_resource_types=["AWS::RDS::DBProxyTargetGroup"])

    @property
    def destroyable(self) -> bool:
        """Whether nothing outlives the stack."""
        return self.removal is RemovalPolicy.DESTROY

    @property
    def stays(self) -> bool:
        """Whether the cluster goes on running when its stack goes; then everything it needs has to stay as well."""
        return self.removal is RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

    @property
    def leftover(self) -> RemovalPolicy:
        """Removal of what only a running cluster needs: its network, its secret, its key's alias."""
        return self.removal if self.stays else RemovalPolicy.DESTROY

    def keep(self, network: Construct) -> None:
        """Keep a network in which the cluster stays."""
        if self.stays:
            RemovalPolicies.of(network).apply(self.removal)

    @property
    def availability_zones(self) -> list[str]:
        """Ask CloudFormation for the zones: the CDK would otherwise ask the account at synthesis."""
        return [Fn.select(index, Fn.get_azs()) for index in range(self._zones)]

    def tell(self, name: str, value: str, description: str, *, export: str | None = None) -> None:
        """Add an output."""
        CfnOutput(self, name, value=value, description=description, export_name=export)


def tags_of(settings: PlatformSettings) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    return {"Platform": settings.platform, "Environment": settings.environment, **settings.tags}
