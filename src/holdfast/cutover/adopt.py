"""The custom resource that makes what CloudFormation must not own: both parameters, and the rule with the weights.

It makes what is not there and never writes over what is, so that no later deployment resets a cutover.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors, code_of
from holdfast.cutover.aws.register import SsmRegister
from holdfast.cutover.environment import CONFIG
from holdfast.cutover.state import Environment, Record, Weights, share
from holdfast.cutover.status import published
from holdfast.errors import InvalidRequest, NotFound
from holdfast.vault.custom_resource import answer

PRIORITY = 1
EVERYTHING = [{"Field": "path-pattern", "Values": ["/*"]}]
EXISTS = "ParameterAlreadyExists"
NEEDED = ("ActiveParameter", "StatusParameter", "ListenerArn", "BlueGroupArn", "GreenGroupArn")


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Answer CloudFormation with the names of both parameters and the rule's ARN."""
    clients = Clients(config=CONFIG)
    given = event["ResourceProperties"]
    answer(
        event,
        str(given.get("ActiveParameter")),
        lambda properties: Adoption(properties, clients).ensure(),
        remove=lambda properties: Adoption(properties, clients).remove(),
    )


class Adoption:
    """What one stack wants to be there.

    Raises:
        InvalidRequest: a property is missing.
    """

    def __init__(self, properties: Mapping[str, Any], clients: Clients) -> None:
        if missing := [name for name in NEEDED if not properties.get(name)]:
            raise InvalidRequest(f"the resource needs the property {missing[0]}")
        self._given = properties
        self._ssm, self._elb = clients("ssm"), clients("elbv2")
        self._names = [properties["ActiveParameter"], properties["StatusParameter"]]
        self._register = SsmRegister(self._ssm, *self._names)
        self._groups = {Environment.BLUE: properties["BlueGroupArn"], Environment.GREEN: properties["GreenGroupArn"]}
        self._tags = [{"Key": one["Key"], "Value": one["Value"]} for one in properties.get("Tags", [])]

    def ensure(self) -> dict[str, str]:
        """Make what is missing, blue being active where nothing says otherwise, and set the tags; safe to repeat."""
        self._make(self._names[0], str(Environment.BLUE), "Whose database takes the writes; the cutover writes it")
        active = self._register.active()
        self._make(self._names[1], published(Record(), active), "Where the cutover stands; the cutover writes it")
        rule = self._rule()
        if rule and not _forwards(rule, set(self._groups.values())):  # the target groups were replaced
            self._delete(rule)
            rule = None
        rule = rule or self._make_rule(active)
        self._tag(rule["RuleArn"])
        names = dict(zip(("ActiveParameter", "StatusParameter"), self._names, strict=True))
        return {**names, "RuleArn": rule["RuleArn"]}

    def remove(self) -> dict[str, str]:
        """Remove rule and parameters; what is gone already is fine."""
        with suppress(NotFound):  # the listener may be gone, and its rules with it
            if rule := self._rule():
                self._delete(rule)
        for name in self._names:
            with suppress(NotFound), aws_errors(f"deleting parameter {name}"):
                self._ssm.delete_parameter(Name=name)
        return {}

    def _make(self, name: str, value: str, description: str) -> None:
        with aws_errors(f"making parameter {name}"):
            try:
                self._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=False, Description=description)
            except ClientError as error:
                if code_of(error) != EXISTS:
                    raise

    def _rule(self) -> dict[str, Any] | None:
        """Return the rule of our priority."""
        with aws_errors(f"reading the rules of {self._given['ListenerArn']}"):
            found = self._elb.describe_rules(ListenerArn=self._given["ListenerArn"])["Rules"]
        return next((dict(one) for one in found if one["Priority"] == str(PRIORITY)), None)

    def _make_rule(self, active: Environment) -> dict[str, Any]:
        with aws_errors(f"making a rule of {self._given['ListenerArn']}"):
            made = self._elb.create_rule(
                ListenerArn=self._given["ListenerArn"],
                Priority=PRIORITY,
                Conditions=EVERYTHING,
                Actions=[self._forward(share(active, 100))],
            )
        return dict(made["Rules"][0])

    def _delete(self, rule: Mapping[str, Any]) -> None:
        with aws_errors(f"deleting {rule['RuleArn']}"):
            self._elb.delete_rule(RuleArn=rule["RuleArn"])

    def _forward(self, weights: Weights) -> dict[str, Any]:
        members = [{"TargetGroupArn": self._groups[side], "Weight": weights.of(side)} for side in Environment]
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": members}}

    def _tag(self, rule: str) -> None:
        if not self._tags:
            return
        for name in self._names:
            with aws_errors(f"tagging parameter {name}"):
                self._ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=self._tags)
        with aws_errors(f"tagging {rule}"):
            self._elb.add_tags(ResourceArns=[rule], Tags=self._tags)


def _forwards(rule: Mapping[str, Any], groups: set[str]) -> bool:
    members = [one for action in rule["Actions"] for one in action.get("ForwardConfig", {}).get("TargetGroups", [])]
    return {one["TargetGroupArn"] for one in members} == groups
