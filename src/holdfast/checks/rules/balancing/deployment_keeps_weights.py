"""ELB013."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import LISTENER, LISTENER_RULE, forwards, switches
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import role_of_function
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.promise import schedules_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

_RIGHTS = {LISTENER: "elasticloadbalancing:ModifyListener", LISTENER_RULE: "elasticloadbalancing:ModifyRule"}


class DeploymentKeepsWeights(ResourceRule):
    """Weights that a function changes are not also the template's, or something puts them right after a deployment.

    CloudFormation writes its own weights back with any change of the listener. A schedule that runs the function, or
    a custom resource that calls it, puts them right.
    """

    id = "ELB013"
    severity = Severity.WARNING
    resource_types = (LISTENER, LISTENER_RULE)
    remediation = "Run the function on a schedule to restore the recorded weights, or take them from its parameter."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a function that may change this listener, and for what runs it again."""
        targets = forwards(resource)
        if len(targets) < 2 or any("{{resolve:" in str(resource.raw(target.path)) for target in targets):
            return
        movers = [f for f in resource.system.resources("AWS::Lambda::Function") if switches(f) and _may(f, resource)]
        if not movers or any(_runs_again(function) for function in movers):
            return
        weights = [target.weight for target in targets]
        unknown = next((weight for weight in weights if isinstance(weight, Undecided)), False)
        written = "/".join(f"{weight:g}" for weight in weights if not isinstance(weight, Undecided))
        message = f"{movers[0].logical_id} changes its weights, and a deployment that touches it writes {written} back"
        yield from self.judged(resource, targets[0].path, unknown, message)


def _may(function: Resource, holder: Resource) -> bool:
    role = role_of_function(function)
    return role is not None and role_may(role, _RIGHTS[holder.type], holder) is True


def _runs_again(function: Resource) -> bool:
    called = any(other.type.startswith(("Custom::", "AWS::CloudFormation::")) for other, _, _ in function.referrers)
    return called or bool(schedules_of(function))
