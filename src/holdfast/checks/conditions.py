"""Finds the scenarios of a system: consistent answers to all its conditions at once, a handful that covers them.

A scenario fixes values for the parameters that conditions read. Every condition, and every use of such a parameter,
then follows from these values, so no combination is tried that CloudFormation could not deploy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from holdfast.checks.values import Undecided

MAX_COMBINATIONS = 512
MAX_SCENARIOS = 8
MAX_DEPTH = 40

Facts: TypeAlias = tuple[bool | None, ...]
"""The answers to all conditions of all templates, in order."""

OTHER = Undecided("any other value of the parameter")
"""A parameter value that differs from every constant the template compares it with."""


@dataclass(frozen=True)
class Scenario:
    """One way to deploy the system.

    `parameters` holds values that differ from the defaults, `conditions` the answers that follow for each template;
    an answer that cannot be known is None. `usual` holds the answers of the first scenario, the defaults.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, bool | None]] = field(default_factory=dict)
    usual: Mapping[str, Mapping[str, bool | None]] = field(default_factory=dict)

    def label(self, template: str) -> str:
        """Return `IsProd=true, HasEmail=false`: the answers that differ from those of the defaults, in one template."""
        answers, usual = self.conditions.get(template, {}), self.usual.get(template, {})
        named = [f"{name}={str(answer).lower()}" for name, answer in answers.items() if answer != usual.get(name)]
        return ", ".join(named) or "the parameters have their defaults"


class ConditionSet:
    """The `Conditions` of one template, with the parameters they may read."""

    def __init__(self, data: Mapping[str, Any], used: Iterable[str]) -> None:
        conditions = data.get("Conditions")
        self._conditions: dict[str, Any] = conditions if isinstance(conditions, dict) else {}
        parameters = data.get("Parameters")
        self._parameters: dict[str, Any] = parameters if isinstance(parameters, dict) else {}
        mappings = data.get("Mappings")
        self._mappings: dict[str, Any] = mappings if isinstance(mappings, dict) else {}
        wanted = set(used)
        self._used = [name for name in self._conditions if name in wanted]
        self._known: dict[tuple[str, tuple[Any, ...]], bool | None] = {}

    def domains(self) -> dict[str, list[Any]]:
        """Return, for each parameter that a used condition reads, the values worth trying; the default first."""
        constants: dict[str, list[Any]] = {}
        for name in self._used:
            for parameter, constant in self._compared[name]:
                known = constants.setdefault(parameter, [])
                if constant is not None and constant not in known:
                    known.append(constant)
        return {name: self._domain(name, values) for name, values in constants.items()}

    def answers(self, assignment: Mapping[str, Any]) -> dict[str, bool | None]:
        """Return the answer of each used condition under an assignment of parameters."""
        found: dict[str, bool | None] = {}
        for name, read in self._reads:
            key = (name, tuple(map(assignment.get, read)))
            if key not in self._known:
                self._known[key] = self._answer({"Condition": name}, assignment, 0)
            found[name] = self._known[key]
        return found

    def varies(self) -> list[bool]:
        """Return for each used condition whether it reads a parameter at all."""
        return [bool(read) for _, read in self._reads]

    @cached_property
    def _compared(self) -> dict[str, list[tuple[str, Any]]]:
        """Each used condition to the parameters it reads, through other conditions too, and what with."""
        return {
            name: list(_comparisons(self._conditions[name], self._conditions, self._mappings, 0)) for name in self._used
        }

    @cached_property
    def _reads(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(name, tuple({parameter for parameter, _ in pairs})) for name, pairs in self._compared.items()]

    def _domain(self, name: str, constants: list[Any]) -> list[Any]:
        parameter = self._parameters.get(name)
        if not isinstance(parameter, dict):
            return [*constants, OTHER]
        allowed = parameter.get("AllowedValues")
        listed = allowed if isinstance(allowed, list) else []
        values: list[Any] = [str(value) for value in listed] or [*constants, OTHER]
        default = parameter.get("Default")
        if default is not None and _plain(default) is not None:
            text = str(_plain(default))
            values = [text, *[value for value in values if value != text]]
        return values

    def _answer(self, expression: Any, assignment: Mapping[str, Any], depth: int) -> bool | None:
        if depth > MAX_DEPTH or not isinstance(expression, dict) or len(expression) != 1:
            return None
        function, argument = next(iter(expression.items()))
        if function == "Condition":
            if not isinstance(argument, str) or argument not in self._conditions:
                return None
            return self._answer(self._conditions[argument], assignment, depth + 1)
        if not isinstance(argument, list):
            return None
        if function == "Fn::Equals" and len(argument) == 2:
            return _equal(*(self._operand(item, assignment) for item in argument))
        answers = [self._answer(item, assignment, depth + 1) for item in argument]
        if function == "Fn::Not" and len(answers) == 1:
            return None if answers[0] is None else not answers[0]
        if function == "Fn::And":
            return False if False in answers else None if None in answers else True
        if function == "Fn::Or":
            return True if True in answers else None if None in answers else False
        return None

    def _operand(self, operand: Any, assignment: Mapping[str, Any]) -> Any:
        if isinstance(operand, dict) and set(operand) == {"Ref"} and isinstance(operand["Ref"], str):
            return assignment.get(operand["Ref"], Undecided("not assigned"))
        if isinstance(operand, dict) and set(operand) == {"Fn::FindInMap"}:
            return _mapped(operand["Fn::FindInMap"], self._mappings, assignment)
        plain = _plain(operand)
        return Undecided("computed") if plain is None else plain


def scenarios(templates: Mapping[str, ConditionSet], fixed: Mapping[str, Any]) -> list[Scenario]:
    """Return at most `MAX_SCENARIOS` ways to deploy; the defaults first, then each that answers something anew.

    Parameters of one name are one parameter: the templates of a system are deployed with the same values.
    `fixed` are values that do not vary (the region, where it is known).
    """
    domains: dict[str, list[Any]] = {}
    for conditions in templates.values():
        for name, values in conditions.domains().items():
            known = domains.setdefault(name, [])
            known.extend(value for value in values if value not in known)
    for name, value in fixed.items():
        if name in domains:
            domains[name] = [value]
    return _cover(templates, domains, fixed)


def _cover(
    templates: Mapping[str, ConditionSet], domains: Mapping[str, list[Any]], fixed: Mapping[str, Any]
) -> list[Scenario]:
    """Try assignments until enough scenarios are found and each condition was answered both ways."""
    found: dict[Facts, Scenario] = {}
    usual: Mapping[str, Mapping[str, bool | None]] | None = None
    open_facts: set[tuple[int, bool]] | None = None
    for assignment in itertools.islice(_assignments(domains), MAX_COMBINATIONS):
        values = {**assignment, **fixed}
        answers = {name: conditions.answers(values) for name, conditions in templates.items()}
        facts = tuple(value for a in answers.values() for value in a.values())
        if usual is None or open_facts is None:
            usual, open_facts = answers, _to_be_seen(templates)
        if facts not in found:
            found[facts] = Scenario(assignment, answers, usual)
            open_facts.difference_update(enumerate(facts))
        if not open_facts and len(found) >= MAX_SCENARIOS:
            break
    return _bounded(found)


def _to_be_seen(templates: Mapping[str, ConditionSet]) -> set[tuple[int, bool]]:
    """Return each condition, by its number, with the two answers it may have; none for one that reads no parameter."""
    varies = [reads for conditions in templates.values() for reads in conditions.varies()]
    return {(number, answer) for number, reads in enumerate(varies) if reads for answer in (True, False)}


def _bounded(found: dict[Facts, Scenario]) -> list[Scenario]:
    """Keep the first, then those that answer a condition as none before, then fill up in order."""
    if len(found) <= MAX_SCENARIOS:
        return list(found.values())
    covered: set[tuple[int, bool | None]] = set()
    kept: dict[Facts, Scenario] = {}
    for facts, scenario in found.items():
        if not covered.issuperset(enumerate(facts)):
            kept[facts] = scenario
            covered.update(enumerate(facts))
    for facts, scenario in found.items():
        if len(kept) >= MAX_SCENARIOS:
            break
        kept[facts] = scenario
    return list(kept.values())


def _assignments(domains: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the defaults, then one parameter changed at a time, then every combination."""
    names = list(domains)
    base = {name: values[0] for name, values in domains.items()}
    yield base
    for name in names:
        for value in domains[name][1:]:
            yield {**base, name: value}
    for combination in itertools.product(*(domains[name] for name in names)):
        yield dict(zip(names, combination, strict=True))


def _comparisons(
    expression: Any, conditions: Mapping[str, Any], mappings: Mapping[str, Any], depth: int
) -> Iterator[tuple[str, Any]]:
    """Yield each parameter that an expression reads, with the constant it is compared with (or None)."""
    if depth > MAX_DEPTH or not isinstance(expression, dict):
        return
    for function, argument in expression.items():
        if function == "Condition" and isinstance(argument, str) and argument in conditions:
            yield from _comparisons(conditions[argument], conditions, mappings, depth + 1)
        elif function == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
            yield from _compared(argument[0], argument[1], mappings)
            yield from _compared(argument[1], argument[0], mappings)
        elif isinstance(argument, list):
            for item in argument:
                yield from _comparisons(item, conditions, mappings, depth + 1)


def _compared(operand: Any, other: Any, mappings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(operand, dict) and isinstance(operand.get("Ref"), str):
        plain = _plain(other)
        yield operand["Ref"], None if plain is None else str(plain)
    elif isinstance(operand, dict) and isinstance(operand.get("Fn::FindInMap"), list):
        keys = operand["Fn::FindInMap"]
        table = mappings.get(keys[0]) if keys and isinstance(keys[0], str) else None
        for key in keys[1:]:
            if isinstance(key, dict) and isinstance(key.get("Ref"), str) and isinstance(table, dict):
                for row in table:
                    yield key["Ref"], row


def _mapped(keys: Any, mappings: Mapping[str, Any], assignment: Mapping[str, Any]) -> Any:
    here: Any = mappings
    for key in keys if isinstance(keys, list) else []:
        text = assignment.get(key["Ref"]) if isinstance(key, dict) and isinstance(key.get("Ref"), str) else key
        if not isinstance(here, dict) or not isinstance(text, str) or text not in here:
            return Undecided("no such entry in the mapping")
        here = here[text]
    plain = _plain(here)
    return Undecided("computed") if plain is None else plain


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _equal(left: Any, right: Any) -> bool | None:
    if left is OTHER or right is OTHER:
        return None if isinstance(left, Undecided) and isinstance(right, Undecided) else False
    if isinstance(left, Undecided) or isinstance(right, Undecided):
        return None
    return bool(left == right)
