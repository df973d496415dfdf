"""FUN015."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list


class RuleHasTarget(ResourceRule):
    """A rule that is enabled has a target."""

    id = "FUN015"
    severity = Severity.WARNING
    resource_types = ("AWS::Events::Rule",)
    remediation = "Add a target, or remove the rule."
    source = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the list of targets."""
        targets = resource.get("Targets")
        if isinstance(targets, Undecided):
            yield self.undecided(resource, "Targets", targets)
        elif not as_list(targets) and resource.get("State", "ENABLED") == "ENABLED":
            yield self.violated(resource, "Targets", "the rule fires and nothing happens")
