"""BAK003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, as_number


class KeptLongEnough(ResourceRule):
    """Backups are kept as many days as are demanded.

    The automated backups of a cluster count by themselves and so does each rule of a plan; they are different things,
    and one does not make up for the other.
    """

    id = "BAK003"
    demand = ("backup_days",)
    resource_types = ("AWS::Backup::BackupPlan", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
    remediation = "Set BackupRetentionPeriod, or Lifecycle.DeleteAfterDays of the rule, to at least checks.backup_days."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare each retention with the demand; a plan's rule without a lifecycle keeps for ever."""
        wanted = resource.system.demands.backup_days or 0
        if resource.type != "AWS::Backup::BackupPlan":
            if resource.get("DBClusterIdentifier") is not None and resource.type == "AWS::RDS::DBInstance":
                return
            days = as_number(resource.get("BackupRetentionPeriod"), 1)
            yield from self._compare(resource, "BackupRetentionPeriod", days, wanted)
            return
        for index, rule in enumerate(as_list(resource.get("BackupPlan.BackupPlanRule"))):
            where = f"BackupPlan.BackupPlanRule.{index}.Lifecycle.DeleteAfterDays"
            days = as_number(resource.get(where)) if isinstance(rule, dict) else None
            if days is not None:
                yield from self._compare(resource, where, days, wanted)

    def _compare(
        self, resource: Resource, where: str, days: float | Undecided | None, wanted: int
    ) -> Iterator[Finding]:
        enough = days if isinstance(days, Undecided) else (days or 0) >= wanted
        yield from self.judged(resource, where, enough, f"backups are kept {days} days, {wanted} are demanded")
