"""RDS009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number, as_text
from holdfast.settings.instance_classes import mysql_connections


class ConnectionsFitMemory(ResourceRule):
    """A fixed limit of connections fits the smallest instance class that may be chosen.

    The classes a parameter allows count, not only its default.
    """

    id = "RDS009"
    resource_types = ("AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBParameterGroup")
    remediation = "Leave max_connections out: its default is computed from the memory of the class."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Managing.Performance.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare with the documented default of each class."""
        limit = (
            as_number((resource.get("Parameters", {}) or {}).get("max_connections")) if _readable(resource) else None
        )
        family = as_text(resource.get("Family")) or ""
        if limit is None or "mysql" not in family:
            return
        if isinstance(limit, Undecided):
            if "{" not in limit.reason:
                yield self.undecided(resource, "Parameters.max_connections", limit)
            return
        for name in sorted(set(_classes(resource)), key=lambda name: mysql_connections(name) or 0):
            default = mysql_connections(name)
            if default is not None and default < limit:
                message = (
                    f"max_connections is fixed at {limit:g} while {name} may be chosen, whose memory is for {default}"
                )
                yield self.violated(resource, "Parameters.max_connections", message)
                return


def _readable(group: Resource) -> bool:
    return isinstance(group.get("Parameters"), dict)


def _classes(group: Resource) -> Iterator[str]:
    for user, _, _ in group.referrers:
        members = [user] if user.type == "AWS::RDS::DBInstance" else instances_of(user)
        for instance in members:
            raw = instance.raw("DBInstanceClass")
            parameter = raw.get("Ref") if isinstance(raw, dict) else None
            if isinstance(parameter, str):
                yield from (str(value) for value in instance.template.allowed_values(parameter))
            name = instance.get("DBInstanceClass")
            if isinstance(name, str):
                yield name
