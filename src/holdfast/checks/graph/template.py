"""One template in one scenario: parameters, conditions, outputs and the resources that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.source import Source
from holdfast.checks.intrinsics import Resolver
from holdfast.checks.values import MISSING, Reference, Undecided, Value

if TYPE_CHECKING:
    from holdfast.checks.graph.system import System


class Template:
    """One template in one scenario."""

    def __init__(self, source: Source, system: System) -> None:
        self.source = source
        self.system = system
        self.name = source.name
        self.stack = source.stack
        self.region = source.region
        self.mappings: Mapping[str, Any] = source.section("Mappings")
        self.resolver = Resolver(self)
        self.same_everywhere = system.same_everywhere.get(source.name, {})
        self._parameters = source.section("Parameters")
        self._answers = system.scenario.conditions.get(source.name, {})
        self.resources: dict[str, Resource] = {
            logical_id: Resource(self, logical_id, body)
            for logical_id, body in source.resources.items()
            if self._exists(body)
        }

    def has_parameter(self, name: str) -> bool:
        """Tell whether the template declares it."""
        return name in self._parameters

    def has_resource(self, logical_id: str) -> bool:
        """Tell whether the template declares it, in any scenario."""
        return logical_id in self.source.resources

    def parameter(self, name: str) -> Value:
        """Return a parameter's value: what a parent stack passes, the scenario's, or its default."""
        declaration = self._parameters.get(name)
        if not isinstance(declaration, dict):
            return Undecided(f"parameter {name} is not declared as a mapping")
        passed = self.system.passed_parameter(self, name)
        if passed is not MISSING:
            return passed
        kind = str(declaration.get("Type", "String"))
        if kind.startswith("AWS::SSM::Parameter::"):
            return Undecided(f"parameter {name} is read from Parameter Store at deployment")
        value = self.system.scenario.parameters.get(name, declaration.get("Default", MISSING))
        if value is MISSING:
            return Undecided(f"parameter {name} has no default")
        if isinstance(value, Undecided):
            return Undecided(f"parameter {name} may be anything")
        return _typed(kind, value)

    def allowed_values(self, name: str) -> list[Any]:
        """Return every value the template lets a parameter take; empty when it does not say."""
        declaration = self._parameters.get(name)
        allowed = declaration.get("AllowedValues") if isinstance(declaration, dict) else None
        return allowed if isinstance(allowed, list) else []

    def condition(self, name: str) -> bool | None:
        """Return a condition's answer in this scenario; None when it cannot be known."""
        return self._answers.get(name)

    def imported(self, name: Value) -> Value:
        """Return what another template of the system exports under `name`."""
        return self.system.exported(name, self)

    def attribute(self, logical_id: str, attribute: str) -> Value:
        """Return `Fn::GetAtt`: a reference, or the output of a nested stack that the system holds."""
        if attribute.startswith("Outputs."):
            nested = self.system.nested(self, logical_id)
            if nested is not None:
                return nested.outputs.get(attribute.removeprefix("Outputs."), Undecided(f"no output {attribute}"))
        return Reference(self.name, logical_id, attribute)

    @cached_property
    def outputs(self) -> dict[str, Value]:
        """The value of every output that exists in this scenario."""
        return {name: self.resolver.resolve(body.get("Value")) for name, body in self._output_bodies()}

    @cached_property
    def exports(self) -> dict[str, tuple[Value, Value]]:
        """Output name to (export name, value), both resolved."""
        found = {}
        for name, body in self._output_bodies():
            export = body.get("Export")
            if isinstance(export, dict) and "Name" in export:
                found[name] = (self.resolver.resolve(export["Name"]), self.outputs[name])
        return found

    def _output_bodies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, body in self.source.section("Outputs").items():
            if isinstance(body, dict) and self._exists(body):
                yield name, body

    def _exists(self, body: Mapping[str, Any]) -> bool:
        condition = body.get("Condition")
        return not isinstance(condition, str) or self._answers.get(condition) is not False

    def __repr__(self) -> str:
        return f"Template({self.name})"


def _typed(kind: str, value: Any) -> Value:
    if kind == "Number" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            try:
                return float(value)
            except ValueError:
                return value
    if (kind == "CommaDelimitedList" or kind.startswith("List<")) and isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value else []
    return value
