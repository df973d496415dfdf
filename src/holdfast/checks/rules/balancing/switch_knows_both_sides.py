"""ELB009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import LISTENER, LISTENER_RULE, forwards, switches
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Value, as_text, is_undecided

# A custom resource may make the parameter, so that no later deployment writes over it.
_STATE = ("AWS::SSM::Parameter", "Custom::", "AWS::CloudFormation::CustomResource")


class SwitchKnowsBothSides(ResourceRule):
    """A function that switches traffic is told the listener and both target groups, and where the state is kept."""

    id = "ELB009"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Pass the listener, both target groups and an SSM parameter in Environment.Variables."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare its variables with the listener's target groups, where the system declares them."""
        system = resource.system
        weighed = [h for kind in (LISTENER, LISTENER_RULE) for h in system.resources(kind) if len(forwards(h)) > 1]
        variables = resource.get("Environment.Variables", {})
        if not switches(resource) or not weighed:
            return
        if not isinstance(variables, dict):
            yield self.undecided(resource, "Environment.Variables", variables)
            return
        told = [system.find(value) for value in variables.values()]
        if any(is_undecided(value) for value in variables.values()):
            return
        missing = [] if any(h in told for h in weighed) else [weighed[0].logical_id]
        members = [g for f in forwards(weighed[0]) if (g := f.group) is not None]
        missing += [group.logical_id for group in members if group not in told]
        if not any(t is not None and t.type.startswith(_STATE) for t in told) and not _names_parameter(
            resource, variables
        ):
            missing.append("a parameter for the active environment")
        if missing:
            yield self.violated(
                resource, "Environment.Variables", f"it may change listeners and is not told {', '.join(missing)}"
            )


def _names_parameter(function: Resource, variables: dict[str, Value]) -> bool:
    parameters = function.system.resources("AWS::SSM::Parameter", "AWS::DynamoDB::Table")
    return any(as_text(p.get("Name")) in [as_text(v) for v in variables.values()] for p in parameters if p.get("Name"))
