"""Resolves CloudFormation's functions as far as a template allows, in one scenario.

What cannot be known becomes `Undecided` with the reason; nothing here raises on a malformed function, because a
malformed function is the schema's finding, not a crash of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from holdfast.checks.values import PLAIN, Pseudo, Reference, Text, Undecided, Value, Zones, as_text, is_undecided, join

NO_VALUE = object()
"""What `AWS::NoValue` resolves to; its property is left out."""

_PSEUDO = frozenset(
    f"AWS::{name}"
    for name in ("AccountId", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")
)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
MAX_RESOLVE_DEPTH = 600


class Scope(Protocol):
    """What the functions of one template may look at."""

    name: str
    mappings: Mapping[str, Any]

    def parameter(self, name: str) -> Value:
        """Return a parameter's value in this scenario."""

    def has_parameter(self, name: str) -> bool:
        """Tell whether the template declares it."""

    def has_resource(self, logical_id: str) -> bool:
        """Tell whether the template declares it, in any scenario."""

    def condition(self, name: str) -> bool | None:
        """Return a condition's answer in this scenario; None when it cannot be known."""

    def imported(self, name: Value) -> Value:
        """Return what another template of the system exports under `name`."""

    def attribute(self, logical_id: str, attribute: str) -> Value:
        """Return `Fn::GetAtt`: a reference, or the output of a nested stack that the system holds."""


class Resolver:
    """Resolves raw values of one template in one scenario; the results share nothing with the raw tree."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._depth = 0
        self._functions: dict[str, Callable[[Any], Value]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::FindInMap": self._find_in_map,
            "Fn::ImportValue": lambda raw: self._scope.imported(self.resolve(raw)),
            "Fn::GetAZs": lambda raw: Zones(as_text(self.resolve(raw)) or "${AWS::Region}"),
            "Fn::Base64": self.resolve,
            "Fn::ToJsonString": self._to_json,
            "Fn::Length": self._length,
            "Condition": self._condition,
        }

    def resolve(self, raw: Any) -> Value:
        """Return `raw` resolved; maps and lists are new, functions are applied, `AWS::NoValue` entries are gone."""
        if type(raw) in PLAIN:
            return raw
        if self._depth >= MAX_RESOLVE_DEPTH:
            return Undecided("functions refer to each other in a circle")
        self._depth += 1
        try:
            return self._map(raw) if isinstance(raw, dict) else self._list(raw)
        finally:
            self._depth -= 1

    def _list(self, raw: list[Any]) -> Value:
        found = []
        for item in raw:
            value = item if type(item) in PLAIN else self.resolve(item)
            if value is not NO_VALUE:
                found.append(value)
        return found

    def _map(self, raw: Mapping[str, Any]) -> Value:
        if len(raw) == 1:
            key = next(iter(raw))
            function = self._functions.get(key)
            if function is not None and not (key == "Condition" and not isinstance(raw[key], str)):
                return function(raw[key])
        result = {}
        for key, item in raw.items():
            if key.startswith("Fn::"):
                return Undecided(f"{key} is computed at deployment")
            value = item if type(item) in PLAIN else self.resolve(item)
            if value is not NO_VALUE:
                result[key] = value
        return result

    def _ref(self, raw: Any) -> Value:
        if not isinstance(raw, str):
            return Undecided("Ref needs a name")
        if raw == "AWS::NoValue":
            return NO_VALUE
        if raw in _PSEUDO:
            return Pseudo(raw)
        if self._scope.has_parameter(raw):
            return self._scope.parameter(raw)
        if self._scope.has_resource(raw):
            return Reference(self._scope.name, raw)
        return Undecided(f"{raw} is neither a parameter nor a resource")

    def _get_att(self, raw: Any) -> Value:
        parts = raw.split(".", 1) if isinstance(raw, str) else raw
        if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
            return Undecided("Fn::GetAtt needs a resource and an attribute")
        attribute = as_text(self.resolve(parts[1] if len(parts) == 2 else ".".join(map(str, parts[1:]))))
        if not self._scope.has_resource(parts[0]):
            return Undecided(f"{parts[0]} is no resource of the template")
        return self._scope.attribute(parts[0], attribute or "")

    def _sub(self, raw: Any) -> Value:
        text, variables = raw, {}
        if isinstance(raw, list) and raw:
            text = raw[0]
            variables = raw[1] if len(raw) > 1 and isinstance(raw[1], dict) else {}
        if not isinstance(text, str):
            return Undecided("Fn::Sub needs a text")
        if "${" not in text:
            return text
        pieces: list[Value] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            pieces.append(text[end : match.start()])
            pieces.append(self._placeholder(match[1], variables))
            end = match.end()
        pieces.append(text[end:])
        return join(pieces)

    def _placeholder(self, name: str, variables: Mapping[str, Any]) -> Value:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        name = name.strip()
        if name in variables:
            return self.resolve(variables[name])
        if "." in name and not self._scope.has_parameter(name):
            return self._get_att(name)
        value = self._ref(name)
        return "" if value is NO_VALUE else value

    def _join(self, raw: Any) -> Value:
        if not isinstance(raw, list) or len(raw) != 2 or not isinstance(raw[0], str):
            return Undecided("Fn::Join needs a delimiter and a list")
        items = self.resolve(raw[1])
        if not isinstance(items, list):
            return items if isinstance(items, Undecided) else Undecided("Fn::Join of a list known at deployment")
        pieces: list[Value] = []
        for index, item in enumerate(items):
            pieces.extend([raw[0], item] if index else [item])
        return join(pieces)

    def _if(self, raw: Any) -> Value:
        if not isinstance(raw, list) or len(raw) != 3 or not isinstance(raw[0], str):
            return Undecided("Fn::If needs a condition and two values")
        answer = self._scope.condition(raw[0])
        if answer is None:
            branches = [self.resolve(raw[1]), self.resolve(raw[2])]
            same = branches[0] == branches[1]
            return branches[0] if same else Undecided(f"condition {raw[0]} cannot be known")
        return self.resolve(raw[1] if answer else raw[2])

    def _select(self, raw: Any) -> Value:
        if not isinstance(raw, list) or len(raw) != 2:
            return Undecided("Fn::Select needs an index and a list")
        index, items = self.resolve(raw[0]), self.resolve(raw[1])
        if isinstance(index, str) and index.isdigit():
            index = int(index)
        if not isinstance(index, int) or index < 0:
            return Undecided("the index of Fn::Select is known at deployment")
        if isinstance(items, Zones):
            return items[index]
        if isinstance(items, list):
            return items[index] if index < len(items) else Undecided(f"Fn::Select {index} of {len(items)} values")
        return items if isinstance(items, Undecided) else Undecided("Fn::Select of a list known at deployment")

    def _split(self, raw: Any) -> Value:
        if not isinstance(raw, list) or len(raw) != 2 or not isinstance(raw[0], str) or not raw[0]:
            return Undecided("Fn::Split needs a delimiter and a text")
        source = self.resolve(raw[1])
        if isinstance(source, str):
            return list(source.split(raw[0]))
        if isinstance(source, Text):
            return _split_text(source, raw[0])
        return source if isinstance(source, Undecided) else Undecided("Fn::Split of a text known at deployment")

    def _find_in_map(self, raw: Any) -> Value:
        if not isinstance(raw, list) or len(raw) < 3:
            return Undecided("Fn::FindInMap needs a mapping and two keys")
        here: Any = self._scope.mappings
        for key in raw[:3]:
            text = self.resolve(key)
            if not isinstance(text, str):
                return self._find_default(raw) or Undecided(f"{text} is known at deployment")
            if not isinstance(here, dict) or text not in here:
                return self._find_default(raw) or Undecided(f"{text} is not in the mapping")
            here = here[text]
        return here

    def _find_default(self, raw: list[Any]) -> Value:
        options = raw[3] if len(raw) > 3 and isinstance(raw[3], dict) else {}
        return self.resolve(options["DefaultValue"]) if "DefaultValue" in options else None

    def _to_json(self, raw: Any) -> Value:
        value = self.resolve(raw)
        try:
            return json.dumps(value)
        except (TypeError, ValueError):
            return Undecided("JSON text known at deployment")

    def _length(self, raw: Any) -> Value:
        value = self.resolve(raw)
        return len(value) if isinstance(value, list) and not is_undecided(value) else Undecided("a length")

    def _condition(self, raw: Any) -> Value:
        answer = self._scope.condition(raw)
        return Undecided(f"condition {raw} cannot be known") if answer is None else answer


def _split_text(source: Text, delimiter: str) -> list[Value]:
    fields: list[list[Value]] = [[]]
    for part in source.parts:
        if isinstance(part, str):
            first, *rest = part.split(delimiter)
            fields[-1].append(first)
            fields.extend([piece] for piece in rest)
        else:
            fields[-1].append(part)
    return [join(field) for field in fields]
