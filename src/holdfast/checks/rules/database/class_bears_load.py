"""RDS011."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.databases import is_member
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class ClassBearsLoad(ResourceRule):
    """An Aurora instance outside development is of a memory-optimised class, not a burstable one.

    AWS advises T classes for development and test only: out of credits they stall, and their local storage is small.
    """

    id = "RDS011"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBInstance",)
    remediation = "Use a db.r6g, db.r7g or db.serverless class."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Types.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the class of members of a cluster."""
        if not is_member(resource) or _development(resource):
            return
        name = resource.get("DBInstanceClass")
        if is_undecided(name):
            yield self.undecided(resource, "DBInstanceClass", name)
        elif isinstance(name, str) and re.match(r"db\.t\d", name):
            yield self.violated(
                resource, "DBInstanceClass", f"{name} is burstable: out of CPU credits it stalls under load"
            )


def _development(resource: Resource) -> bool:
    environment = (resource.system.demands.environment or "").lower()
    return environment.startswith(("dev", "test", "sandbox"))
