"""Turns a template's expressions into the values that CloudFormation gave them in a deployed stack."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ABSENT = object()  # what AWS::NoValue resolves to
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


class Unresolvable(Exception):
    """An expression whose value cannot be told from outside CloudFormation."""


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """What expressions of one deployed stack may refer to."""

    pseudo: Mapping[str, str]
    parameters: Mapping[str, Any]
    resources: Mapping[str, str]  # logical id to physical id
    attributes: Mapping[str, Mapping[str, Any]]
    zones: Sequence[str] = ()
    exports: Mapping[str, str] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def value(self, expression: Any) -> Any:
        """Return the value of an expression. Raises Unresolvable."""
        if isinstance(expression, list):
            return [one for one in map(self.value, expression) if one is not ABSENT]
        if not isinstance(expression, dict):
            return expression
        if len(expression) == 1:
            [(name, argument)] = expression.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self.value(one) for key, one in expression.items()}
        return {key: one for key, one in resolved.items() if one is not ABSENT}

    def holds(self, condition: Any) -> bool:
        """Tell whether a condition of the template is met. Raises Unresolvable."""
        [(name, argument)] = condition.items()
        match name:
            case "Condition":
                if argument not in self.conditions:
                    raise Unresolvable(f"condition {argument} is unknown")
                return self.holds(self.conditions[argument])
            case "Fn::Equals":
                return str(self.value(argument[0])) == str(self.value(argument[1]))
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(self.holds(one) for one in argument)
            case "Fn::Or":
                return any(self.holds(one) for one in argument)
        raise Unresolvable(f"{name} is not resolved here")

    def _mapped(self, name: str, top: str, second: str) -> Any:
        try:
            return self.mappings[name][top][second]
        except KeyError as error:
            raise Unresolvable(f"mapping {name} has no {top}.{second}") from error

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                return self._attribute(*(argument.split(".", 1) if isinstance(argument, str) else argument))
            case "Fn::Join":
                return argument[0].join(str(self.value(part)) for part in argument[1])
            case "Fn::Sub":
                return self._substituted(argument)
            case "Fn::FindInMap":
                return self._mapped(*(str(self.value(one)) for one in argument[:3]))
            case "Fn::If":
                return self.value(argument[1] if self.holds({"Condition": argument[0]}) else argument[2])
            case "Fn::ImportValue":
                return self._imported(str(self.value(argument)))
            case "Fn::Select":
                return self.value(argument[1])[int(argument[0])]
            case "Fn::GetAZs":
                return list(self.zones)
            case "Fn::Split":
                return self.value(argument[1]).split(argument[0])
        raise Unresolvable(f"{name} is not resolved here")

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return ABSENT
        for known in (self.pseudo, self.parameters, self.resources):
            if name in known:
                return known[name]
        raise Unresolvable(f"Ref {name} is unknown")

    def _imported(self, name: str) -> str:
        if name not in self.exports:
            raise Unresolvable(f"no stack exports {name}")
        return self.exports[name]

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        found = self.attributes.get(logical_id, {})
        if attribute not in found:
            raise Unresolvable(f"{logical_id} told no {attribute}")
        return found[attribute]

    def _substituted(self, argument: Any) -> str:
        text, local = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in local:
                return str(self.value(local[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._reference(name))

        return VARIABLE.sub(value, text).replace("${!", "${")
