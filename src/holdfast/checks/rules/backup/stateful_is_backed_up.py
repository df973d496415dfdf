"""BAK005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.coverage import selects
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_bool, is_undecided


class StatefulIsBackedUp(ResourceRule):
    """A table or file system has a backup of its own or is selected by a plan."""

    id = "BAK005"
    demand = ("backup_days",)
    resource_types = ("AWS::DynamoDB::Table", "AWS::EFS::FileSystem")
    remediation = "Switch point-in-time recovery (BackupPolicy) on, or select the resource in a backup plan."
    source = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the resource's own recovery, then at the selections."""
        table = resource.type == "AWS::DynamoDB::Table"
        where = "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled" if table else "BackupPolicy.Status"
        value = resource.get(where)
        own = as_bool(value) if table else value if is_undecided(value) else value == "ENABLED"
        if own is True or any(selects(s, resource) for s in resource.system.resources("AWS::Backup::BackupSelection")):
            return
        yield from self.judged(resource, where, own, "nothing backs it up: what is deleted or overwritten is gone")
