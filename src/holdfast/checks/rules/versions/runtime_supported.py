"""VER001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.facts import runtime
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided


class RuntimeSupported(ResourceRule):
    """A function runs on a runtime that AWS still supports."""

    id = "VER001"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Move to a current runtime, such as python3.13."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the runtime's dates with today."""
        name = resource.get("Runtime")
        if is_undecided(name):
            yield self.undecided(resource, "Runtime", name)
            return
        dates = runtime(name) if isinstance(name, str) else None
        if dates is None or dates.deprecated is None or dates.deprecated > resource.system.today:
            return
        blocked = dates.creation_blocked
        today = resource.system.today
        then = f"; it cannot be created {'since' if blocked <= today else 'from'} {blocked}" if blocked else ""
        yield self.violated(resource, "Runtime", f"{name} is without support since {dates.deprecated}{then}")
