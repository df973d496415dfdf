"""BAK009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.coverage import selects
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, is_undecided


class ClustersAreSelected(ResourceRule):
    """Where a system has a backup plan, its databases and file systems are all in a selection."""

    id = "BAK009"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBCluster", "AWS::DynamoDB::Table", "AWS::EFS::FileSystem")
    remediation = "Add the resource's ARN to a selection, or the tag that the selection asks for."
    source = "https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at all selections of the system."""
        selections = resource.system.resources("AWS::Backup::BackupSelection")
        if not selections or any(selects(selection, resource) for selection in selections):
            return
        unknown = next(
            (Undecided(str(s.get("BackupSelection.Resources"))) for s in selections if is_undecided(s.properties)),
            False,
        )
        names = ", ".join(selection.logical_id for selection in selections)
        yield from self.judged(resource, "", unknown, f"{names} leaves it out: the backup plan does not cover it")
