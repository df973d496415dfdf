"""ELB008."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import switches
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number

_LEAST = (("Timeout", 3, 60, "s"), ("MemorySize", 128, 256, "MB"))


class SwitchHasRoom(ResourceRule):
    """A function that switches traffic has time and memory to finish: a minute and 256 MB at least.

    It is known by its right to change listeners. Cut off half way it leaves traffic and the recorded state apart.
    """

    id = "ELB008"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Set Timeout to 60 or more and MemorySize to 256 or more."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare timeout and memory with what a switch needs."""
        if not switches(resource):
            return
        for name, default, least, unit in _LEAST:
            value = as_number(resource.get(name), default)
            enough = value if isinstance(value, Undecided) else (value or 0) >= least
            message = f"it may change listeners and has {value} {unit}, {least} are needed: it is cut off half way"
            yield from self.judged(resource, name, enough, message)
