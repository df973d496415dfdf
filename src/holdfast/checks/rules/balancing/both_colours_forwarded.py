"""ELB005."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import LISTENER, LISTENER_RULE, TARGET_GROUP, forwards
from holdfast.checks.colours import blue_and_green
from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import is_undecided


class BothColoursForwarded(SystemRule):
    """A listener forwards by weight to the blue and to the green target group."""

    id = "ELB005"
    remediation = "Use a forward action with both target groups and their weights."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look at target groups that are called blue and green; a deployment service shifts by itself."""
        pair = blue_and_green(system, TARGET_GROUP, "Name")
        if pair is None or system.resources("AWS::CodeDeploy::DeploymentGroup"):
            return
        blue, green = pair
        holders = [h for kind in (LISTENER, LISTENER_RULE) for h in system.resources(kind)]
        both = [h for h in holders if {blue, green} <= {f.group for f in forwards(h)}]
        if both or any("AlternateTargetGroupArn" in path for _, path, _ in green.referrers):
            return
        unknown = next((f.target for h in holders for f in forwards(h) if is_undecided(f.target)), None)
        if unknown is not None:
            yield self.undecided(green, "", unknown)
        else:
            message = f"no listener weighs it against {blue.logical_id}: traffic cannot be shifted between them"
            yield self.violated(green, "", message)
