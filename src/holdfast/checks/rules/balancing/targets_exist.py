"""ELB003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.balancers import fillers_of, forwards, listeners_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, references


class TargetsExist(ResourceRule):
    """A target group that receives traffic has something that registers targets."""

    id = "ELB003"
    resource_types = ("AWS::ElasticLoadBalancingV2::TargetGroup",)
    remediation = "Attach a service, an auto scaling group or targets to the group."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at groups that a listener forwards to; with either of them exported, others fill or replace it."""
        holders = listeners_of(resource)
        weights = [f.weight for holder in holders for f in forwards(holder) if f.group is resource]
        if not weights or next(fillers_of(resource), None) is not None or _exported(resource):
            return
        if isinstance(resource.get("Targets"), Undecided):
            yield self.undecided(resource, "Targets", resource.get("Targets"))
        elif all(weight == 0 for weight in weights):
            yield self.violated(
                resource, "", "nothing registers targets in it: after the switch every request ends with 503"
            )
        else:
            yield self.violated(
                resource, "", f"nothing registers targets in it: what {holders[0].logical_id} forwards ends with 503"
            )


def _exported(group: Resource) -> bool:
    outputs = group.template.outputs.values()
    shared = {group.reference, *(holder.reference for holder in listeners_of(group))}
    named = any(reference in shared for value in outputs for reference in references(value))
    environment = any(path and path[0] == "Environment" for _, path, _ in group.referrers)
    return named and not environment
