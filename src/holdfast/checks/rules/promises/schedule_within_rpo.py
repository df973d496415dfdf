"""PRO002."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from holdfast.checks.coverage import STATEFUL, selects
from holdfast.checks.finding import Finding
from holdfast.checks.functions import function_behind
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.promise import (
    BACKUP_START_WINDOW,
    REPLICATION,
    Term,
    backup_functions,
    gap_of,
    schedules_of,
    spelled,
    total,
)
from holdfast.checks.rule import SystemRule
from holdfast.checks.storage import holds_backups
from holdfast.checks.values import Undecided, Value, as_bool, as_list, as_number
from holdfast.settings.quantities import read_duration


class ScheduleWithinRpo(SystemRule):
    """Scheduled backups run often enough for the promised recovery point.

    The sum is the longest gap between runs, plus the flexible window of a schedule or the start window of a plan, plus
    replication where a bucket of backups is replicated: what is lost with a region was not yet there. A plan is a
    second layer, and not counted, where all that it selects can be restored to any moment without it.
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
            terms = [Term(gap, "between runs"), *_late_starts(starters), *_replication(system)]
            if total(terms) > rpo:
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
        elif gap is not None:
            terms = [Term(gap, "between backups"), Term(_start_window(rules), "start window")]
            if total(terms) > rpo:
                message = f"{spelled(terms)} is more than the RPO of {read_duration(rpo)}"
                yield self.violated(plan, "BackupPlan.BackupPlanRule", message)


def _start_window(rules: Sequence[dict[str, Value]]) -> timedelta:
    """Return the longest time a rule lets pass before a job begins; a window that is not known counts as none."""
    windows = [as_number(rule.get("StartWindowMinutes")) for rule in rules]
    known = [
        BACKUP_START_WINDOW if w is None else timedelta(minutes=w) for w in windows if not isinstance(w, Undecided)
    ]
    return max(known, default=timedelta())


def _late_starts(functions: Sequence[Resource]) -> Iterator[Term]:
    """Yield the longest flexible window of the schedules that start a function, if one is written."""
    schedules = functions[0].system.resources("AWS::Scheduler::Schedule") if functions else []
    windows = [
        as_number(schedule.get("FlexibleTimeWindow.MaximumWindowInMinutes"))
        for schedule in schedules
        if function_behind(schedule.system.find(schedule.get("Target.Arn"))) in functions
    ]
    known = [window for window in windows if window is not None and not isinstance(window, Undecided)]
    if known:
        yield Term(timedelta(minutes=max(known)), "flexible window")


def _replication(system: System) -> Iterator[Term]:
    buckets = [bucket for bucket in system.resources("AWS::S3::Bucket") if holds_backups(bucket)]
    if any(bucket.get("ReplicationConfiguration") is not None for bucket in buckets):
        yield Term(REPLICATION, "replication")


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
