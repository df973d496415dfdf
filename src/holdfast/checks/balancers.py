"""Reads load balancing: listeners, where they forward and with which weight, and who fills a target group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.checks.functions import role_of_function
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import action_matches, grants_of
from holdfast.checks.values import Undecided, Value, as_list, as_number

LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"

# Properties under which other resources name the target groups they fill.
_REGISTERING = frozenset(
    {"LoadBalancers", "TargetGroupARNs", "TargetGroups", "TargetGroupInfo", "TrafficSources", "AlternateTargetGroupArn"}
)


@dataclass(frozen=True)
class Forward:
    """One target of a listener or rule; `weight` is 1 where none is written."""

    holder: Resource
    path: str
    target: Value
    weight: float | Undecided

    @property
    def group(self) -> Resource | None:
        """The target group, if the system declares it."""
        return self.holder.system.find(self.target, TARGET_GROUP)


def forwards(holder: Resource) -> list[Forward]:
    """Return where a listener or listener rule sends requests."""
    prop = "DefaultActions" if holder.type == LISTENER else "Actions"
    found: list[Forward] = []
    for index, action in enumerate(as_list(holder.get(prop))):
        if not isinstance(action, dict):
            continue
        config = action.get("ForwardConfig")
        entries = as_list(config.get("TargetGroups")) if isinstance(config, dict) else []
        for number, entry in enumerate(entries):
            if isinstance(entry, dict):
                weight = as_number(entry.get("Weight"), 1)
                where = f"{prop}.{index}.ForwardConfig.TargetGroups.{number}"
                found.append(Forward(holder, where, entry.get("TargetGroupArn"), 1 if weight is None else weight))
        if not entries and action.get("TargetGroupArn") is not None:
            found.append(Forward(holder, f"{prop}.{index}", action["TargetGroupArn"], 1))
    return found


def listeners_of(group: Resource) -> list[Resource]:
    """Return the listeners and listener rules that forward to a target group."""
    found = {id(o): o for o, _, _ in group.referrers if o.type in (LISTENER, LISTENER_RULE)}
    return list(found.values())


def balancers_of(group: Resource) -> list[Resource]:
    """Return the load balancers behind which a target group stands."""
    found: dict[int, Resource] = {}
    for holder in listeners_of(group):
        listener = group.system.find(holder.get("ListenerArn"), LISTENER) if holder.type == LISTENER_RULE else holder
        balancer = group.system.find(listener.get("LoadBalancerArn")) if listener else None
        if balancer is not None:
            found[id(balancer)] = balancer
    return list(found.values())


def fillers_of(group: Resource) -> Iterator[Resource | str]:
    """Yield what registers targets: its own list, services, scaling groups, deployments, functions of the system."""
    targets = group.get("Targets")
    if isinstance(targets, list) and targets:
        yield group
    for other, path, _ in group.referrers:
        if other.type not in (LISTENER, LISTENER_RULE) and _REGISTERING & {str(part) for part in path}:
            yield other


def switches(function: Resource) -> bool:
    """Tell whether a function's role names the right to change where a listener forwards.

    The right to do everything does not make a function one that switches.
    """
    role = role_of_function(function)
    actions = ("elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule")
    return role is not None and any(
        statement.allows and isinstance(pattern, str) and pattern.lower().startswith("elasticloadbalancing:")
        for _, statement in grants_of(role)
        for pattern in statement.actions
        if any(action_matches(str(pattern), action) for action in actions)
    )
