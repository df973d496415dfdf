"""NET003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import attachment_of, port_of, secret_of, security_groups
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import groups, lets_in
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list


class RotationReachesDatabase(ResourceRule):
    """A rotation function can reach the database whose password it changes.

    A hosted function outside the VPC, or one whose security group the database does not admit, fails and leaves the
    secret half rotated.
    """

    id = "NET003"
    resource_types = ("AWS::SecretsManager::RotationSchedule",)
    remediation = (
        "Give HostedRotationLambda VpcSubnetIds and VpcSecurityGroupIds, and let the database's group admit that group."
    )
    source = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-network-rqs.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at hosted rotation of a cluster's or instance's secret."""
        hosted = resource.get("HostedRotationLambda")
        database = _database(resource)
        if database is None or not isinstance(hosted, dict):
            return
        ours, _ = security_groups(database)
        if not ours:
            return
        if hosted.get("VpcSubnetIds") is None or hosted.get("VpcSecurityGroupIds") is None:
            message = f"the rotation function runs outside the VPC and cannot reach {database.logical_id}"
            yield self.violated(resource, "HostedRotationLambda", message)
            return
        values = hosted["VpcSecurityGroupIds"]
        text = as_list(values.split(",")) if isinstance(values, str) else as_list(values)
        theirs, unknown = groups(resource.system, text)
        if unknown or not theirs:
            yield self.undecided(resource, "HostedRotationLambda.VpcSecurityGroupIds", unknown[0] if unknown else None)
            return
        port = port_of(database)
        verdicts = [lets_in(group, source, port) for group in ours for source in theirs]
        if True not in verdicts:
            doubtful = next((verdict for verdict in verdicts if isinstance(verdict, Undecided)), False)
            message = f"{database.logical_id} does not admit {theirs[0].logical_id} on port {port}: rotation fails"
            yield from self.judged(resource, "HostedRotationLambda.VpcSecurityGroupIds", doubtful, message)


def _database(schedule: Resource) -> Resource | None:
    named = schedule.system.find(schedule.get("SecretId"))
    for database in schedule.system.resources("AWS::RDS::DBCluster", "AWS::RDS::DBInstance"):
        secret = secret_of(database)
        if secret is not None and (named is secret or (named is not None and attachment_of(secret) is named)):
            return database
    return None
