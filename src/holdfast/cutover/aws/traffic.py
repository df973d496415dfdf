"""The load balancer's weights and health."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.cutover.state import Environment, Weights
from holdfast.errors import NotFound

HEALTHY = "healthy"


class ElbTraffic:
    """The first rule of a listener, by priority, that forwards to both target groups; its default action comes last."""

    def __init__(self, client: Any, listener_arn: str, groups: Mapping[Environment, str]) -> None:
        self._client, self._listener, self._groups = client, listener_arn, dict(groups)

    def weights(self) -> Weights:
        """Return the live weights."""
        forward = _forward_of(self._rule(), self._groups)
        found = {one["TargetGroupArn"]: int(one.get("Weight", 1)) for one in forward["ForwardConfig"]["TargetGroups"]}
        blue, green = (found[self._groups[side]] for side in Environment)
        return Weights(blue, green)

    def set_weights(self, weights: Weights) -> None:
        """Make these the live weights; the rule's other actions and its stickiness stay."""
        rule = self._rule()
        actions = [_weighed(one, self._groups, weights) for one in rule["Actions"]]
        with aws_errors(f"setting the weights of {rule['RuleArn']}"):
            if rule["IsDefault"]:
                self._client.modify_listener(ListenerArn=self._listener, DefaultActions=actions)
            else:
                self._client.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)

    def healthy(self, environment: Environment) -> int:
        """Return how many targets of that side are healthy."""
        group = self._groups[environment]
        with aws_errors(f"reading the health of {group}"):
            found = self._client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sum(one["TargetHealth"]["State"] == HEALTHY for one in found)

    def _rule(self) -> dict[str, Any]:
        with aws_errors(f"reading the rules of {self._listener}"):
            pages = self._client.get_paginator("describe_rules").paginate(ListenerArn=self._listener)
            rules = [rule for page in pages for rule in page["Rules"]]
        for rule in sorted(rules, key=_place):
            if any(_forwards_to(action, self._groups) for action in rule["Actions"]):
                return dict(rule)
        raise NotFound(
            f"listener {self._listener} has no rule that forwards to blue and green; deploy the platform anew"
        )


def _place(rule: Mapping[str, Any]) -> tuple[bool, int]:
    return (True, 0) if rule["IsDefault"] else (False, int(rule["Priority"]))


def _forwards_to(action: Mapping[str, Any], groups: Mapping[Environment, str]) -> bool:
    members = action.get("ForwardConfig", {}).get("TargetGroups", [])
    return set(groups.values()) == {one["TargetGroupArn"] for one in members}


def _forward_of(rule: Mapping[str, Any], groups: Mapping[Environment, str]) -> dict[str, Any]:
    return dict(next(one for one in rule["Actions"] if _forwards_to(one, groups)))


def _weighed(action: Mapping[str, Any], groups: Mapping[Environment, str], weights: Weights) -> dict[str, Any]:
    if not _forwards_to(action, groups):
        return dict(action)
    members = [{"TargetGroupArn": groups[side], "Weight": weights.of(side)} for side in Environment]
    config = {**action["ForwardConfig"], "TargetGroups": members}
    order = {"Order": action["Order"]} if "Order" in action else {}
    return {"Type": "forward", "ForwardConfig": config, **order}
