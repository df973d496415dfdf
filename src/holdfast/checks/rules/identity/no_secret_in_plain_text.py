"""IAM006."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, Value, as_bool, as_list

_SECRET = re.compile(r"(?i)(?:^|_)(?:password|passwd|pwd|secret|token|api_?key)$|MasterUserPassword|SecretString")


class NoSecretInPlainText(ResourceRule):
    """No password or token stands in a template as plain text.

    A parameter's default counts: it is in the template as well.
    """

    id = "IAM006"
    resource_types = (
        "AWS::Lambda::Function",
        "AWS::ECS::TaskDefinition",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::SecretsManager::Secret",
    )
    remediation = "Refer to Secrets Manager with a dynamic reference, or let RDS manage the password."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at properties and variables whose names say secret."""
        for path, value in _named(resource):
            if isinstance(value, str) and value and "{{resolve:" not in value and not value.startswith("arn:"):
                yield self.violated(
                    resource, path, "a secret stands here in plain text: whoever reads the template has it"
                )
            elif isinstance(value, Undecided) and not _hidden(resource, path):
                yield self.undecided(resource, path, value)


def _named(resource: Resource) -> Iterator[tuple[str, Value]]:
    for name in ("MasterUserPassword", "SecretString"):
        yield name, resource.get(name)
    yield from _variables("Environment.Variables", resource.get("Environment.Variables"))
    for index, container in enumerate(as_list(resource.get("ContainerDefinitions"))):
        pairs = as_list(container.get("Environment")) if isinstance(container, dict) else []
        for number, pair in enumerate(pairs):
            if isinstance(pair, dict) and isinstance(pair.get("Name"), str) and _SECRET.search(pair["Name"]):
                yield f"ContainerDefinitions.{index}.Environment.{number}", pair.get("Value")


def _variables(path: str, variables: Value) -> Iterator[tuple[str, Value]]:
    for name, value in variables.items() if isinstance(variables, dict) else ():
        if _SECRET.search(name):
            yield f"{path}.{name}", value


def _hidden(resource: Resource, path: str) -> bool:
    """Tell whether the value comes from a parameter with NoEcho: handed over at deployment, not written down."""
    raw = resource.raw(path)
    name = raw.get("Ref") if isinstance(raw, dict) else None
    declaration = resource.template.source.section("Parameters").get(name) if isinstance(name, str) else None
    return isinstance(declaration, dict) and as_bool(declaration.get("NoEcho")) is True
