"""PRO002."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from holdfast.checks.coverage import STATEFUL, selects
from holdfast.checks.finding import Finding
from holdfast.checks.graph import Resource, System
from holdfast.checks.promise import Term, backup_functions, gap_of, schedules_of, spelled
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import Undecided, as_bool, as_list
from holdfast.settings.quantities import read_duration


class ScheduleWithinRpo(SystemRule):
    """Scheduled backups run often enough for the promised recovery point.

    The sum is the longest gap between runs, plus the replication time where the backups' bucket is replicated. A rate
    or an AWS Backup rule adds its start window. A plan is a second layer, and not counted, where all that it selects
    can be restored to any moment without it.
    """

    id = "PRO002"
    demand = ("rpo",)
    remediation = "Run more often, or promise a longer RPO."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Do the sum for each function that backs up on a schedule, and for each rule of a plan."""
        rpo = system.demands.rpo
        if rpo is None:
            return
        starters = backup_functions(system)
        gap = gap_of(expression for function in starters for expression in schedules_of(function))
        if isinstance(gap, Undecided):
            yield self.undecided(starters[0], "", gap)
        elif gap is not None:
            terms = [Term(gap, "between runs")]
            if gap > rpo:
                message = f"{spelled(terms)} is more than the RPO of {read_duration(rpo)}"
                yield self.violated(starters[0], "", message)
        for plan in system.resources("AWS::Backup::BackupPlan"):
            yield from self._plan(plan, rpo)

    def _plan(self, plan: Resource, rpo: timedelta) -> Iterator[Finding]:
        rules = [rule for rule in as_list(plan.get("BackupPlan.BackupPlanRule")) if isinstance(rule, dict)]
        if any(as_bool(rule.get("EnableContinuousBackup")) is True for rule in rules) or _restorable_without(plan):
            return
        gap = gap_of(rule.get("ScheduleExpression", "cron(0 5 ? * * *)") for rule in rules)
        if isinstance(gap, Undecided):
            yield self.undecided(plan, "BackupPlan.BackupPlanRule", gap)
        elif gap is not None and gap > rpo:
            message = f"{spelled([Term(gap, 'between backups')])} is more than the RPO of {read_duration(rpo)}"
            yield self.violated(plan, "BackupPlan.BackupPlanRule", message)


def _restorable_without(plan: Resource) -> bool:
    """Tell whether everything the plan selects by ARN keeps every moment by itself: Aurora, or a table's recovery."""
    selections = [one for one, _, _ in plan.referrers if one.type == "AWS::Backup::BackupSelection"]
    listed = [value for one in selections for value in as_list(one.get("BackupSelection.Resources"))]
    found = [
        one for one in plan.system.resources(*STATEFUL) if any(selects(selection, one) for selection in selections)
    ]
    return bool(listed) and len(found) == len(listed) and all(_keeps_every_moment(one) for one in found)


def _keeps_every_moment(resource: Resource) -> bool:
    if resource.type == "AWS::DynamoDB::Table":
        return as_bool(resource.get("PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled")) is True
    return resource.type == "AWS::RDS::DBCluster" and str(resource.get("Engine")).startswith("aurora")
