"""RDS018."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.colours import blue_and_green
from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.identity import describe
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import Undecided, Value, as_text


class ColoursAgree(SystemRule):
    """A blue and a green database have the same engine and the same major version."""

    id = "RDS018"
    remediation = "Set Engine and the major part of EngineVersion alike on both clusters."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/blue-green-deployments-overview.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Compare clusters that are called blue and green; a newer minor version is what such a migration is for."""
        pair = blue_and_green(system, "AWS::RDS::DBCluster", "DBClusterIdentifier")
        if pair is None:
            return
        blue, green = pair
        for prop in ("Engine", "EngineVersion"):
            ours, theirs = blue.get(prop), green.get(prop)
            unknown = next((value for value in (ours, theirs) if isinstance(value, Undecided)), None)
            same = unknown or _major(ours) == _major(theirs)
            message = (
                f"{prop} is {describe(theirs)} and that of {blue.logical_id} {describe(ours)}: data "
                "cannot be carried across"
            )
            yield from self.judged(green, prop, same, message)


def _major(value: Value) -> str:
    return (as_text(value) or "").split(".")[0]
