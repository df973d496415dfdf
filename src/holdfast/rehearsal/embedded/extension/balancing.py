"""Weighted forwarding of an application load balancer, which MiniStack drops: told back, and obeyed by the data plane.

A forward action's `ForwardConfig` is kept as given. Each request goes to one target group, chosen by weight; a group
of weight 0 gets none. Stickiness is recorded, not obeyed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import alb
from ministack.services.cloudformation import provisioners

from holdfast.rehearsal.embedded.extension.resource_type import Properties
from holdfast.rehearsal.embedded.extension.service_clients import client

Action = dict[str, Any]
CONFIG = "ForwardConfig"


def install() -> None:
    """Keep ForwardConfig wherever actions are parsed, told or carried out."""
    _keep_in_requests()
    _keep_in_templates()
    _tell()
    _obey()


def complete_targets(arn: str, old: Properties, new: Properties) -> None:
    """Register the targets that a template names, and forget those it no longer does."""
    before, after = (whole_targets(given) for given in (old, new))
    if gone := [one for one in before if one not in after]:
        client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=gone)
    if after:
        client("elbv2").register_targets(TargetGroupArn=arn, Targets=after)


def whole_targets(properties: Properties) -> list[Properties]:
    """Return a template's targets with numbers as ports."""
    return [{**one, **({"Port": int(one["Port"])} if "Port" in one else {})} for one in properties.get("Targets", [])]


def choose(groups: Sequence[Mapping[str, Any]], chance: float) -> str | None:
    """Return the target group that `chance`, at least 0 and below 1, falls on; None where every weight is 0."""
    total = sum(int(one["Weight"]) for one in groups)
    left = chance * total
    for one in groups:
        left -= int(one["Weight"])
        if left < 0:
            return str(one["TargetGroupArn"])
    return None


def _weighted(config: Mapping[str, Any]) -> Action:
    """Return the configuration with the weight that none given means."""
    groups = [{"Weight": 1, **one} for one in config.get("TargetGroups", [])]
    return {
        "TargetGroups": [{"TargetGroupArn": one["TargetGroupArn"], "Weight": int(one["Weight"])} for one in groups],
        "TargetGroupStickinessConfig": config.get("TargetGroupStickinessConfig", {"Enabled": False}),
    }


def _complete(action: Action, config: Mapping[str, Any] | None) -> None:
    """Give a forward action both forms, as AWS tells them: the one group is named outside too."""
    if action["Type"] != "forward":
        return
    if not config and "TargetGroupArn" in action:
        config = {"TargetGroups": [{"TargetGroupArn": action["TargetGroupArn"]}]}
    if config:
        action[CONFIG] = _weighted(config)
        groups = action[CONFIG]["TargetGroups"]
        action.pop("TargetGroupArn", None)
        if len(groups) == 1:
            action["TargetGroupArn"] = groups[0]["TargetGroupArn"]


def _keep_in_requests() -> None:
    parse = alb._parse_actions

    def parse_actions(params: Mapping[str, Any], prefix: str = "DefaultActions") -> list[Action]:
        actions: list[Action] = parse(params, prefix)
        for index, action in enumerate(actions, 1):
            _complete(action, _requested(params, f"{prefix}.member.{index}.{CONFIG}"))
        return actions

    alb._parse_actions = parse_actions


def _requested(params: Mapping[str, Any], prefix: str) -> Action | None:
    groups: list[Action] = []
    while arn := alb._p(params, f"{prefix}.TargetGroups.member.{len(groups) + 1}.TargetGroupArn"):
        weight = alb._p(params, f"{prefix}.TargetGroups.member.{len(groups) + 1}.Weight", "1")
        groups.append({"TargetGroupArn": arn, "Weight": int(weight)})
    if not groups:
        return None
    stickiness = f"{prefix}.TargetGroupStickinessConfig"
    told: Action = {"Enabled": alb._p(params, f"{stickiness}.Enabled", "false") == "true"}
    if seconds := alb._p(params, f"{stickiness}.DurationSeconds"):
        told["DurationSeconds"] = int(seconds)
    return {"TargetGroups": groups, "TargetGroupStickinessConfig": told}


def _keep_in_templates() -> None:
    from_template = provisioners._elbv2_listener_actions

    def listener_actions(props: Mapping[str, Any], lb_arn: str, prop: str = "DefaultActions") -> list[Action]:
        actions: list[Action] = from_template(props, lb_arn, prop)
        for given, action in zip(props.get(prop) or [], actions, strict=True):
            _complete(action, given.get(CONFIG))
            for one in action.get(CONFIG, {}).get("TargetGroups", []):
                group = alb._tgs.get(one["TargetGroupArn"])
                if lb_arn and group and lb_arn not in group.setdefault("LoadBalancerArns", []):
                    group["LoadBalancerArns"].append(lb_arn)
        return actions

    provisioners._elbv2_listener_actions = listener_actions


def _tell() -> None:
    fields = alb._action_xml

    def action_xml(action: Action) -> str:
        xml: str = fields(action)
        if CONFIG not in action:
            return xml
        groups = "".join(
            f"<member><TargetGroupArn>{escape(one['TargetGroupArn'])}</TargetGroupArn>"
            f"<Weight>{one['Weight']}</Weight></member>"
            for one in action[CONFIG]["TargetGroups"]
        )
        stickiness = action[CONFIG]["TargetGroupStickinessConfig"]
        told = f"<Enabled>{str(stickiness['Enabled']).lower()}</Enabled>"
        if "DurationSeconds" in stickiness:
            told += f"<DurationSeconds>{stickiness['DurationSeconds']}</DurationSeconds>"
        config = (
            f"<{CONFIG}><TargetGroups>{groups}</TargetGroups>"
            f"<TargetGroupStickinessConfig>{told}</TargetGroupStickinessConfig></{CONFIG}>"
        )
        end = xml.rindex("</member>") if xml.endswith("</member>") else len(xml)
        return xml[:end] + config + xml[end:]

    alb._action_xml = action_xml


def _obey() -> None:
    execute = alb._execute_actions

    async def execute_actions(actions: list[Action], *arguments: Any, **named: Any) -> Any:
        return await execute([_one_group(action) for action in actions], *arguments, **named)

    alb._execute_actions = execute_actions


def _one_group(action: Action) -> Action:
    if CONFIG not in action:
        return action
    chosen = choose(action[CONFIG]["TargetGroups"], random.random())
    return {**action, "TargetGroupArn": chosen or ""}
