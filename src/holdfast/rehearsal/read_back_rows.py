"""How a promised property is asked for: the call, the place in its answer, and the words on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.rehearsal.read_back_words import tags


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One resource in place, its template properties resolved as far as they can be."""

    logical_id: str
    resource_type: str
    physical_id: str
    arn: str
    region: str
    account: str
    attributes: Mapping[str, Any]
    properties: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One service call."""

    service: str
    operation: str
    parameters: Callable[[Deployed], dict[str, Any] | list[dict[str, Any]]]  # a list: one call each, answers listed
    select: Callable[[Any, Deployed], Any] = lambda answer, _: answer  # the part of the answer that is the resource's


@dataclass(frozen=True, kw_only=True)
class Row:
    """Where one property shows."""

    name: str
    call: Call
    path: str
    addresses: bool = False  # the call names the resource by this property: an answer is the proof
    among: bool = False  # a list to which other resources add: what else it holds is not this one's
    want: Callable[[Any], Any]
    got: Callable[[Any], Any]


def as_is(value: Any) -> Any:
    """Return the value unchanged."""
    return value


def rows(call: Call, *same: str, **paths: str | tuple[str, Callable[[Any], Any]] | tuple[str, Any, Any]) -> list[Row]:
    """Make a row for each property: told as `same`, at its path, or path and translation, or path, want and got."""
    made = []
    for name, where in {**{name: name for name in same}, **paths}.items():
        path, *translations = (where,) if isinstance(where, str) else where
        want, got = (as_is, as_is, *translations)[-2:]
        made.append(Row(name=name, call=call, path=path, want=want, got=got))
    return made


def in_first(listed: str, *names: str) -> dict[str, str]:
    """Return paths of properties that the first item of an answer tells under their own names."""
    return {name: f"{listed}.0.{name}" for name in names}


def among(call: Call, **paths: tuple[str, Callable[[Any], Any]]) -> list[Row]:
    """Make a row for each list to which other resources may add."""
    return [replace(row, among=True) for row in rows(call, **paths)]


def addressed(call: Call, *names: str) -> list[Row]:
    """Make a row for each property that a successful call has already proven."""
    return [Row(name=name, call=call, path="", addresses=True, want=as_is, got=as_is) for name in names]


def tagged(call: Call, path: str = "Tags", key: str = "Key", value: str = "Value") -> list[Row]:
    """Make the row of the tags, which this call tells at `path`, their keys and values under these names."""
    return rows(call, Tags=(path, *tags(key, value)))


def by_id(service: str, operation: str, parameter: str) -> Call:
    """Return a call that names the resource by its physical id."""
    return Call(service=service, operation=operation, parameters=lambda it: {parameter: it.physical_id})


def listing(service: str, operation: str, parameter: str) -> Call:
    """Return a call that takes a list of physical ids, of this one resource."""
    return Call(service=service, operation=operation, parameters=lambda it: {parameter: [it.physical_id]})


def by_attribute(service: str, operation: str, parameter: str, attribute: str) -> Call:
    """Return a call that names the resource by one of its attributes."""
    return Call(service=service, operation=operation, parameters=lambda it: {parameter: it.attributes[attribute]})


def by_arn(service: str, operation: str, parameter: str) -> Call:
    """Return a call that names the resource by its ARN."""
    return Call(service=service, operation=operation, parameters=lambda it: {parameter: it.arn})
