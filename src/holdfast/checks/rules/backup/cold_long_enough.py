"""BAK004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_number


class ColdLongEnough(ResourceRule):
    """A recovery point that goes to cold storage stays there at least 90 days."""

    id = "BAK004"
    resource_types = ("AWS::Backup::BackupPlan",)
    remediation = "Set DeleteAfterDays to at least MoveToColdStorageAfterDays plus 90, or drop cold storage."
    source = "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_Lifecycle.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Do the sum for each rule."""
        for index, _ in enumerate(as_list(resource.get("BackupPlan.BackupPlanRule"))):
            where = f"BackupPlan.BackupPlanRule.{index}.Lifecycle"
            cold = as_number(resource.get(f"{where}.MoveToColdStorageAfterDays"))
            gone = as_number(resource.get(f"{where}.DeleteAfterDays"))
            if cold is None or gone is None:
                continue
            if isinstance(cold, Undecided) or isinstance(gone, Undecided):
                yield self.undecided(resource, where, cold if isinstance(cold, Undecided) else gone)
            elif gone < cold + 90:
                message = (
                    f"cold after {cold:g} days + 90 days at least = {cold + 90:g}, deleted after {gone:g}: refused"
                )
                yield self.violated(resource, where, message)
