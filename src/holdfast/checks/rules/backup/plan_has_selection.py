"""BAK002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list, is_undecided


class PlanHasSelection(ResourceRule):
    """A backup plan has a selection and a rule with a schedule."""

    id = "BAK002"
    resource_types = ("AWS::Backup::BackupPlan",)
    remediation = "Add an AWS::Backup::BackupSelection with the plan's id, and a ScheduleExpression to the rule."
    source = "https://docs.aws.amazon.com/aws-backup/latest/devguide/about-backup-plans.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for selections that refer to the plan, and at the rules."""
        if not any(other.type == "AWS::Backup::BackupSelection" for other, _, _ in resource.referrers):
            yield self.violated(resource, "", "nothing is selected for the plan: it runs and backs up nothing")
        rules = resource.get("BackupPlan.BackupPlanRule")
        if is_undecided(rules) and not isinstance(rules, list):
            yield self.undecided(resource, "BackupPlan.BackupPlanRule", rules)
        elif not as_list(rules):
            yield self.violated(resource, "BackupPlan.BackupPlanRule", "the plan has no rule, so it never runs")
