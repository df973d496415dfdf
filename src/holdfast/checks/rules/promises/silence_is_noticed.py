"""PRO008."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from holdfast.checks.alarms import alarms, period_seconds
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.promise import backup_functions
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import Undecided, as_list
from holdfast.settings.quantities import read_duration


class SilenceIsNoticed(SystemRule):
    """Somebody is told when no backup completes for the length of the promised recovery point.

    An alarm on a count of completions or invocations that takes silence for breaching, looking back no longer than
    RPO plus an hour.
    """

    id = "PRO008"
    demand = ("rpo",)
    remediation = (
        "Alarm on the completed backups (or the function's invocations), Sum below 1, missing data breaching, "
        "over at most the RPO."
    )
    source = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look at alarms of a system that backs up on a schedule."""
        rpo = system.demands.rpo
        starters = backup_functions(system) or [
            s for s in system.resources("AWS::Backup::BackupSelection") if system.resources("AWS::Backup::BackupPlan")
        ]
        if rpo is None or not starters:
            return
        unknown: bool | Undecided = False
        for alarm in alarms(system):
            silent = alarm.get("TreatMissingData")
            if isinstance(silent, Undecided):
                unknown = silent
            window = period_seconds(alarm)
            below = str(alarm.get("ComparisonOperator", "")).startswith("LessThan")
            if silent == "breaching" and below and _within(window, rpo + timedelta(hours=1)):
                return
        if any(_job_events(rule) for rule in system.resources("AWS::Events::Rule", "AWS::Backup::BackupVault")):
            return
        message = (
            f"no alarm hears that backups have stopped: after {read_duration(rpo)} the RPO is broken and nobody knows"
        )
        yield from self.judged(starters[0], "", unknown, message)


def _within(window: float | Undecided, most: timedelta) -> bool:
    return not isinstance(window, Undecided) and timedelta(seconds=window) <= most


def _job_events(resource: Resource) -> bool:
    if resource.type == "AWS::Backup::BackupVault":
        return "BACKUP_JOB_FAILED" in as_list(resource.get("Notifications.BackupVaultEvents"))
    return "aws.backup" in as_list(resource.get("EventPattern.source"))
