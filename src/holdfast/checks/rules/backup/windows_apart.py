"""BAK007."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided

_BACKUP = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_MAINTENANCE = re.compile(r"(?i)[a-z]{3}:(\d\d):(\d\d)-[a-z]{3}:(\d\d):(\d\d)")


class WindowsApart(ResourceRule):
    """The backup window and the maintenance window of a database do not overlap."""

    id = "BAK007"
    resource_types = ("AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
    remediation = "Move one of the windows."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two windows in minutes of the day."""
        backup, upkeep = resource.get("PreferredBackupWindow"), resource.get("PreferredMaintenanceWindow")
        if backup is None or upkeep is None:
            return
        if is_undecided(backup) or is_undecided(upkeep):
            yield self.undecided(resource, "PreferredBackupWindow", backup if is_undecided(backup) else upkeep)
            return
        first, second = _BACKUP.fullmatch(str(backup)), _MAINTENANCE.fullmatch(str(upkeep))
        if first and second and _overlap(first, second):
            message = f"backups at {backup} overlap with maintenance at {upkeep}: RDS refuses them"
            yield self.violated(resource, "PreferredBackupWindow", message)


def _minutes(match: re.Match[str]) -> set[int]:
    start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    return set(range(start, end)) if start <= end else set(range(start, 1440)) | set(range(end))


def _overlap(first: re.Match[str], second: re.Match[str]) -> bool:
    return bool(_minutes(first) & _minutes(second))
