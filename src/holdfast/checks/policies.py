"""Reads policy documents as AWS does, as far as a template shows: who may do what, on what, under which condition.

Verdicts are True, False or `Undecided`; a helper never guesses.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from holdfast.checks.graph.resource import Resource, once
from holdfast.checks.graph.system import System
from holdfast.checks.identity import canonical
from holdfast.checks.values import Text, Undecided, Value, as_list, as_text, is_undecided, references

Verdict: TypeAlias = bool | Undecided

# Condition keys that AWS fills in when a service calls on a customer's behalf; others make a statement not apply.
# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_SERVICE_CONDITION_KEYS = (
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:securetransport",
    "aws:principalisawsservice",
    "kms:encryptioncontext:",
    "kms:encryptioncontextkeys",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "s3:x-amz-acl",
)
_SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")


@dataclass(frozen=True)
class Statement:
    """One statement, every element a list; `index` is its place in the document."""

    index: int
    effect: str
    principals: Mapping[str, list[Value]] | Undecided | None
    actions: list[Value]
    not_actions: list[Value]
    resources: list[Value]
    not_resources: list[Value]
    conditions: Mapping[str, Mapping[str, list[Value]]] | Undecided
    sid: str = ""
    inverted_principal: bool = False
    path: str = field(default="", compare=False)
    """Where it stands below the resource: `PolicyDocument.Statement.0`."""

    @property
    def allows(self) -> bool:
        """True for Allow, False for Deny."""
        return self.effect == "Allow"

    def covers(self, action: str) -> Verdict:
        """Tell whether the statement speaks of `action` (`s3:GetObject`), wildcards read as IAM reads them."""
        if self.not_actions:
            verdict = _any_matches(self.not_actions, action)
            return verdict if isinstance(verdict, Undecided) else not verdict
        return _any_matches(self.actions, action)

    def condition_keys(self) -> list[str]:
        """Return the condition keys it tests, in lower case."""
        if isinstance(self.conditions, Undecided):
            return []
        return [key.lower() for tests in self.conditions.values() for key in tests]

    def condition_values(self, key: str) -> list[Value]:
        """Return every value it compares `key` with, whatever the operator."""
        if isinstance(self.conditions, Undecided):
            return []
        wanted = key.lower()
        return [v for tests in self.conditions.values() for k, vs in tests.items() if k.lower() == wanted for v in vs]

    def names_service(self, service: str) -> Verdict:
        """Tell whether its principal is the service (`cloudwatch.amazonaws.com`), or everyone."""
        if self.principals is None or isinstance(self.principals, Undecided):
            return self.principals if isinstance(self.principals, Undecided) else False
        named: Verdict = False
        for kind in ("Service", "AWS", "*"):
            for value in self.principals.get(kind, ()):
                text = canonical(as_text(value) or "")
                if text == "*" or (kind == "Service" and _same_service(text, service)):
                    named = True
                elif kind == "Service" and is_undecided(value) and named is False:
                    named = Undecided(f"the principal {text}")
        if self.inverted_principal and not isinstance(named, Undecided):
            return not named
        return named

    @property
    def open_to_all(self) -> bool:
        """True when the principal is everyone, conditions aside."""
        if isinstance(self.principals, Undecided) or self.principals is None:
            return False
        return any(value == "*" for values in self.principals.values() for value in values)

    @property
    def binds_source(self) -> bool:
        """True when it demands the account, the ARN or the organisation on whose behalf a service calls."""
        return any(key in _SOURCE_KEYS for key in self.condition_keys())

    def applies_to_services(self) -> bool:
        """True when a service's own call can satisfy every condition key."""
        return all(key.startswith(_SERVICE_CONDITION_KEYS) for key in self.condition_keys())


def statements(document: Value, path: str = "PolicyDocument") -> list[Statement]:
    """Return the statements of a policy document, also of one written as JSON text; no mapping, no statement."""
    if isinstance(document, str):
        document = _parsed(document)
    if not isinstance(document, dict):
        return []
    entries = document.get("Statement")
    found = []
    for index, entry in enumerate(as_list(entries)):
        if isinstance(entry, dict):
            where = f"{path}.Statement.{index}" if isinstance(entries, list) else f"{path}.Statement"
            found.append(_statement(index, entry, where))
    return found


def _parsed(text: str) -> Value:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def knowable(document: Value) -> Undecided | None:
    """Return why the statements of a document cannot all be read; None when they can."""
    if isinstance(document, Undecided):
        return document
    if isinstance(document, Text):
        return Undecided("a policy put together as text")
    if isinstance(document, dict):
        for entry in [document.get("Statement"), *as_list(document.get("Statement"))]:
            if isinstance(entry, Undecided):
                return entry
    return None


def allowed(found: Iterable[Statement], service: str, actions: Sequence[str]) -> Verdict:
    """Tell whether the statements let an AWS service do every one of `actions`, on its own behalf.

    A Deny is not weighed: it says under which conditions not, and those are about other callers.
    """
    missing: Verdict = True
    for action in actions:
        verdict = _allowed_one(found := list(found), service, action)
        if verdict is False:
            return False
        if isinstance(verdict, Undecided):
            missing = verdict
    return missing


@once
def grants_of(role: Resource) -> Sequence[tuple[Resource, Statement]]:
    """Return every statement of a role's or user's own policies with the resource that holds it.

    Inline policies, `AWS::IAM::Policy`, `AWS::IAM::RolePolicy` and `AWS::IAM::ManagedPolicy`, wherever they stand.
    """
    found: list[tuple[Resource, Statement]] = []
    for index, policy in enumerate(as_list(role.get("Policies"))):
        if isinstance(policy, dict):
            own = statements(policy.get("PolicyDocument"), f"Policies.{index}.PolicyDocument")
            found += [(role, statement) for statement in own]
    for policy in attached_policies(role):
        found += [(policy, statement) for statement in statements(policy.get("PolicyDocument"))]
    return found


@once
def attached_policies(role: Resource) -> list[Resource]:
    """Return the policy resources of the system that are attached to a role or a user."""
    kinds = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy")
    found = {
        id(other): other
        for other, path, _ in role.referrers
        if other.type in kinds and path and path[0] in ("Roles", "RoleName", "Users", "UserName")
    }
    for reference in references(role.get("ManagedPolicyArns")):
        other = role.system.resource(reference)
        if other is not None and other.type == "AWS::IAM::ManagedPolicy":
            found[id(other)] = other
    return list(found.values())


def managed_policies(role: Resource) -> list[str]:
    """Return the names of AWS's managed policies a role has (`service-role/AWSLambdaBasicExecutionRole`)."""
    texts = [canonical(as_text(value) or "") for value in as_list(role.get("ManagedPolicyArns"))]
    return [text.split(":policy/", 1)[1] for text in texts if text.startswith("arn:aws:iam::aws:policy/")]


def role_of(system: System, value: Value) -> Resource | None:
    """Return the role that a value names."""
    return system.find(value, "AWS::IAM::Role")


def role_may(role: Resource, action: str, on: Resource | None = None) -> Verdict:
    """Tell whether a role's own policies in the system let it do `action`, on a resource of the system if one is named.

    AWS's managed policies are not read: with one attached beside the basic execution roles the answer is undecided.
    """
    key = (action, on)
    if key not in role.kept:
        role.kept[key] = _may(role, action, on)
    verdict: Verdict = role.kept[key]
    return verdict


def _may(role: Resource, action: str, on: Resource | None) -> Verdict:
    verdict: Verdict = False
    for _, statement in grants_of(role):
        if not statement.allows:
            continue
        covers = statement.covers(action)
        reaches = True if on is None else covers_resource(statement, on)
        if covers is True and reaches is True:
            return True
        if isinstance(covers, Undecided) or (covers and isinstance(reaches, Undecided)):
            verdict = covers if isinstance(covers, Undecided) else Undecided("the resource of a statement")
    if verdict is False and (others := [name for name in managed_policies(role) if not _is_basic(name)]):
        return Undecided(f"the managed policy {others[0]} is not in the template")
    return verdict


def covers_resource(statement: Statement, resource: Resource) -> Verdict:
    """Tell whether a statement's `Resource` covers a resource of the system or something below it."""
    if statement.not_resources:
        return Undecided("NotResource")
    verdict: Verdict = False
    for value in statement.resources:
        if value == "*" or resource.system.find(value, resource.type) is resource:
            return True
        if any(reference == resource.reference for reference in references(value)):
            return True
        if is_undecided(value) or _opaque(resource.system, value):
            verdict = Undecided(str(value))
        elif isinstance(value, str | Text) and "*" in str(value) and _pattern_covers(value, resource):
            return True
    return verdict


def names_value(role: Resource, action: str, value: Value) -> bool:
    """Tell whether a statement of a role allows `action` on exactly this value, whatever it stands for."""
    return any(s.allows and s.covers(action) is True and value in s.resources for _, s in grants_of(role))


def _opaque(system: System, value: Value) -> bool:
    """Tell whether a custom resource answers with an ARN that no template shows."""
    found = (system.resource(reference) for reference in references(value))
    kinds = ("Custom::", "AWS::CloudFormation::CustomResource")
    return any(resource is not None and resource.type.startswith(kinds) for resource in found)


def action_matches(pattern: str, action: str) -> bool:
    """Match an action as IAM does: without case, `*` and `?` as wildcards."""
    pattern, action = pattern.lower(), action.lower()
    if pattern == action or pattern == "*":
        return True
    if "*" not in pattern and "?" not in pattern:
        return False
    return fnmatch.fnmatchcase(action, pattern.replace("[", "[[]"))


def _statement(index: int, entry: Mapping[str, Value], path: str) -> Statement:
    inverted = "NotPrincipal" in entry
    return Statement(
        index=index,
        effect=as_text(entry.get("Effect")) or "",
        principals=_principals(entry.get("NotPrincipal" if inverted else "Principal")),
        actions=as_list(entry.get("Action")),
        not_actions=as_list(entry.get("NotAction")),
        resources=as_list(entry.get("Resource")),
        not_resources=as_list(entry.get("NotResource")),
        conditions=_conditions(entry.get("Condition")),
        sid=as_text(entry.get("Sid")) or "",
        inverted_principal=inverted,
        path=path,
    )


def _principals(value: Value) -> Mapping[str, list[Value]] | Undecided | None:
    if value is None or isinstance(value, Undecided):
        return value
    if isinstance(value, dict):
        return {kind: as_list(values) for kind, values in value.items()}
    return {"*" if value == "*" else "AWS": as_list(value)}


def _conditions(value: Value) -> Mapping[str, Mapping[str, list[Value]]] | Undecided:
    if isinstance(value, Undecided):
        return value
    if not isinstance(value, dict):
        return {}
    return {
        operator: {key: as_list(values) for key, values in tests.items()}
        for operator, tests in value.items()
        if isinstance(tests, dict)
    }


def _any_matches(patterns: Sequence[Value], action: str) -> Verdict:
    verdict: Verdict = False
    for pattern in patterns:
        if isinstance(pattern, str):
            if action_matches(pattern, action):
                return True
        elif is_undecided(pattern):
            verdict = Undecided(f"the action {pattern}")
    return verdict


def _allowed_one(found: Sequence[Statement], service: str, action: str) -> Verdict:
    verdict: Verdict = False
    for statement in found:
        if not statement.allows:
            continue
        named, covers = statement.names_service(service), statement.covers(action)
        if named is False or covers is False:
            continue
        if isinstance(statement.conditions, Undecided):
            verdict = statement.conditions
        elif not statement.applies_to_services():
            continue
        elif named is True and covers is True:
            return True
        else:
            verdict = named if isinstance(named, Undecided) else covers
    return verdict


def _same_service(text: str, service: str) -> bool:
    """Compare service principals; a regional form (`logs.us-east-1.amazonaws.com`) is the service of that region."""
    if text == service:
        return True
    name = service.removesuffix(".amazonaws.com")
    return re.fullmatch(rf"{re.escape(name)}\.[^.]*\.?[^.]*\.amazonaws\.com", text) is not None


def _is_basic(name: str) -> bool:
    return name.rsplit("/", 1)[-1] in (
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
        "AWSXRayDaemonWriteAccess",
        "AmazonRDSEnhancedMonitoringRole",
    )


def _pattern_covers(value: Value, resource: Resource) -> bool:
    names = resource.system.names.names_of(resource)
    return any(fnmatch.fnmatchcase(name, canonical(str(value)).replace("[", "[[]")) for name in names)
