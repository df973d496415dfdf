"""What the stack of every database platform shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Required, TypedDict, Unpack

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Environment, Fn, RemovalPolicies, RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from holdfast.platforms.constructs.aurora import AuroraCluster, AuroraShape, Capacity, log_retention
from holdfast.platforms.constructs.backup_notices import backup_may_use
from holdfast.platforms.constructs.credentials import DatabaseCredentials, admit, pass_secret
from holdfast.platforms.constructs.database_alarms import DatabaseEvents, database_events_may_use
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use
from holdfast.platforms.constructs.network import Endpoints
from holdfast.platforms.constructs.removal import database_removal, key_removal
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.settings.databases import ClusterSection
from holdfast.settings.engine_versions import EngineVersion
from holdfast.settings.platform import PlatformSettings

_TLS = 443


class OwnShape(TypedDict, total=False):
    """What a platform says of its cluster itself; see `AuroraShape`."""

    version: Required[EngineVersion]
    identifier: Required[str]
    exported_logs: Required[Sequence[str]]
    instance_class: str | None
    capacity: Capacity | None
    database: str | None
    parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Seat:
    """The subnets of a network that the database and its rotation sit in."""

    network: Endpoints
    subnets: Sequence[ec2.ISubnet]


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
        self.settings = settings
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

    def keep(self, part: Construct, *, only: Sequence[str] | None = None) -> None:
        """Keep what a cluster that stays needs or refers to; `only` resources of these types."""
        if self.stays:
            RemovalPolicies.of(part).apply(self.removal, apply_to_resource_types=only)

    def shape(self, section: ClusterSection, **own: Unpack[OwnShape]) -> AuroraShape:
        """Return the cluster of the settings: what every one is asked for, and what is the platform's own."""
        return AuroraShape(
            **own,
            readers=section.readers,
            log_days=log_retention(section.log_days),
            backup_days=section.backup_days,
            backup_window=section.backup_window,
            maintenance_window=section.maintenance_window,
            insights=None if section.insights == "none" else section.insights,
            monitoring_seconds=section.monitoring_seconds,
            protected=self.settings.protected,
            removal=self.removal,
        )

    def make_key(self, alias: str, log_groups: Sequence[str]) -> kms.IKey:
        """Make the key of data, logs and notices; it outlives the stack if a snapshot needs it."""
        may_notify = [alarms_may_use(self), database_events_may_use(self), backup_may_use(self)]
        return CustomerKey(
            self,
            "Key",
            alias=alias,
            statements=[*may_notify, logs_may_use(self, log_groups)],
            removal=self.key_removal,
            alias_removal=self.leftover,
        ).key

    def make_database(
        self, shape: AuroraShape, seat: Seat, *, key: kms.IKey, secret: str, username: str, length: int, days: int
    ) -> AuroraCluster:
        """Make a cluster whose generated password rotates every `days` days from inside the network."""
        credentials = DatabaseCredentials(
            self, "Credentials", name=secret, username=username, length=length, key=key, removal=self.leftover
        )
        database = AuroraCluster(
            self,
            "Database",
            shape=shape,
            vpc=seat.network.vpc,
            subnets=seat.subnets,
            key=key,
            credentials=credentials,
            log_key=key,
        )
        endpoint = seat.network.reach_by_interface(
            "SecretsManager", ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, pass_secret(credentials.secret)
        )
        rotated = database.rotate(subnets=seat.subnets, endpoint_group=seat.network.endpoint_group, days=days)
        rotated.schedule.node.add_dependency(endpoint)
        # Detached, the secret would forget host and port; a schedule without its function would only fail.
        self.keep(credentials, only=["AWS::SecretsManager::Secret", "AWS::SecretsManager::SecretTargetAttachment"])
        return database

    def make_clients(self, database: AuroraCluster, network: Endpoints) -> ec2.SecurityGroup:
        """Make the group whose members may connect to the database and read its secret, and nothing else."""
        group = ec2.SecurityGroup(
            self,
            "Clients",
            vpc=network.vpc,
            description="Whoever wears it may connect to the database and read its secret",
            allow_all_outbound=False,
        )
        database.admit(group, "a client of the database")
        admit(group, network.endpoint_group, _TLS, "a client to Secrets Manager")
        self.keep(group)
        return group

    def make_notices(self, name: str, display_name: str, key: kms.IKey) -> sns.ITopic:
        """Make the topic that reaches everybody in `alerts`."""
        return NoticeTopic(
            self, "Alarms", name=name, display_name=display_name, key=key, emails=self.settings.alerts
        ).topic

    def tell_events(self, database: AuroraCluster, topic: sns.ITopic) -> None:
        """Send the events of the cluster and its instances to `topic`."""
        DatabaseEvents(
            self,
            "Events",
            topic=topic,
            name=database.shape.identifier,
            cluster=database.cluster_id,
            instances=database.instance_ids,
        )

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
