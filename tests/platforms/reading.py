"""Reads templates for the tests: intrinsics become text, so that a test can say what it wants to see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from holdfast.settings.load import defaults
from holdfast.settings.platform import PlatformSettings

Proof = TypeVar("Proof", bound=Callable[..., object])
REQUIREMENTS: dict[str, list[str]] = {}


def meets(*lines: str) -> Callable[[Proof], Proof]:
    """Say which requirement lines a test proves."""

    def note(test: Proof) -> Proof:
        for line in lines:
            path = test.__module__.removeprefix("tests.platforms.").replace(".", "/")
            REQUIREMENTS.setdefault(line, []).append(f"{path}.py::{test.__name__}")
        return test

    return note


def settings_with(*, platform: str = "backup-vault", **changes: Any) -> PlatformSettings:
    """A platform's defaults with changes."""
    return type(defaults(platform)).model_validate({"platform": platform, **changes})


def render(value: Any) -> Any:
    """Turn intrinsics into text: a reference is {Id}, an attribute {Id.Name}, a join its parts."""
    if isinstance(value, list):
        return [render(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref":
            return f"{{{argument}}}"
        if name == "Fn::GetAtt":
            return f"{{{argument[0]}.{argument[1]}}}"
        if name == "Fn::Join":
            return argument[0].join(str(render(part)) for part in argument[1])
        if name == "Fn::Sub":
            return argument if isinstance(argument, str) else argument[0]
    return {key: render(item) for key, item in value.items()}


@dataclass(frozen=True)
class Resource:
    """One resource with its properties rendered."""

    id: str
    type: str
    properties: dict[str, Any]
    raw: dict[str, Any]

    def __getitem__(self, path: str) -> Any:
        """`resource["A.B"]`: a property; KeyError if it is not written."""
        found: Any = self.properties
        for part in path.split("."):
            found = found[part]
        return found

    def get(self, path: str) -> Any:
        """`resource.get("A.B")`: a property or None."""
        try:
            return self[path]
        except (KeyError, TypeError):
            return None

    def matches(self, wanted: Mapping[str, Any]) -> bool:
        return all(self.get(path) == value for path, value in wanted.items())

    @property
    def tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])}


class Template:
    """A synthesized template."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.resources = [
            Resource(id_, one["Type"], render(one.get("Properties", {})), one) for id_, one in raw["Resources"].items()
        ]
        self.outputs: dict[str, dict[str, Any]] = render(raw.get("Outputs", {}))

    def of(self, kind: str, **wanted: Any) -> list[Resource]:
        """Every resource of a type whose properties have these values."""
        return [one for one in self.resources if one.type == kind and one.matches(wanted)]

    def one(self, kind: str, **wanted: Any) -> Resource:
        """The only resource of a type whose properties have these values."""
        found = self.of(kind, **wanted)
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]

    def bucket(self, start: str) -> Resource:
        """The only bucket whose name begins so."""
        found = [one for one in self.of("AWS::S3::Bucket") if one["BucketName"].startswith(start)]
        assert len(found) == 1, start
        return found[0]

    def bucket_policy(self, start: str) -> list[dict[str, Any]]:
        """The statements of that bucket's policy."""
        policy = self.one("AWS::S3::BucketPolicy", Bucket=f"{{{self.bucket(start).id}}}")
        statements: list[dict[str, Any]] = policy["PolicyDocument.Statement"]
        return statements

    def function(self, role: str) -> Resource:
        """The function with this part, by its name."""
        return next(one for one in self.of("AWS::Lambda::Function") if f"-{role}-" in one["FunctionName"])

    def rights(self, role: str) -> list[dict[str, Any]]:
        """The statements of that function's role."""
        id_ = self.function(role)["Role"].strip("{}").split(".")[0]
        found = next(one for one in self.resources if one.id == id_)
        assert [policy["PolicyName"] for policy in found["Policies"]] == ["Rights"]
        statements: list[dict[str, Any]] = found["Policies"][0]["PolicyDocument"]["Statement"]
        assert not [one for one in self.of("AWS::IAM::Policy") if id_ in json.dumps(one.properties)]
        return statements

    def actions(self, role: str) -> set[str]:
        """Every action that function's role is allowed."""
        return {action for statement in self.rights(role) for action in as_list(statement["Action"])}


def as_list(value: Any) -> list[Any]:
    """A policy's one-or-many as many."""
    return value if isinstance(value, list) else [value]


def statement(statements: list[dict[str, Any]], sid: str) -> dict[str, Any]:
    """The statement with this Sid."""
    found = [one for one in statements if one.get("Sid") == sid]
    assert len(found) == 1, sid
    return found[0]


def policy_documents(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, statement) of every policy document anywhere."""
    for resource in template.resources:
        yield from _statements(resource.id, resource.properties)


def _statements(id_: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        for item in as_list(value.get("Statement", [])):
            yield id_, item
        for item in value.values():
            yield from _statements(id_, item)
    elif isinstance(value, list):
        for item in value:
            yield from _statements(id_, item)
