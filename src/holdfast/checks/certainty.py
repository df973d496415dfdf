"""Tells which schema findings hold whatever is deployed, and which only in a branch that may never be.

The schema checker applies a schema to every branch of an `Fn::If` and to every parameter's default. An empty default
that a condition guards is how templates say "not wanted", so a finding about it is noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.checks.finding import Finding
from holdfast.checks.graph.source import Source


def has_macro(source: Source) -> bool:
    """Tell whether a macro of somebody's own rewrites the template; AWS's transforms are known to the schemas."""
    transform = source.data.get("Transform")
    names = transform if isinstance(transform, list) else [transform]
    return any(isinstance(name, str) and not name.startswith("AWS::") for name in names)


def is_certain(source: Source, finding: Finding) -> bool:
    """Tell whether the value that a schema finding is about is deployed in every scenario."""
    if finding.property.startswith("Parameters."):
        return not _guarded(source, finding.property.split(".")[1])
    if ".Fn::If." in finding.property:
        return False
    last: Any = None
    for here in _way(source, finding):
        if _chosen(here):
            return False
        last = here
    return not _varies(source, last)


def is_text(source: Source, finding: Finding) -> bool:
    """Tell whether the value that a finding is about is written as text."""
    return isinstance([*_way(source, finding)][-1], str)


def _way(source: Source, finding: Finding) -> Iterator[Any]:
    """Yield the raw values from a resource's properties down to the one that a finding is about."""
    here: Any = source.resources.get(finding.logical_id, {}).get("Properties")
    yield here
    for part in finding.property.split(".") if finding.property else ():
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return
        yield here


def _chosen(raw: Any) -> bool:
    return isinstance(raw, dict) and any(key.startswith("Fn::") for key in raw)


def _varies(source: Source, raw: Any) -> bool:
    """Tell whether a branch, or a parameter that a condition guards, is anywhere inside a value."""
    if isinstance(raw, dict):
        name = raw.get("Ref")
        if isinstance(name, str) and len(raw) == 1:
            return _guarded(source, name)
        return "Fn::If" in raw or any(_varies(source, item) for item in raw.values())
    return isinstance(raw, list) and any(_varies(source, item) for item in raw)


def _guarded(source: Source, parameter: str) -> bool:
    declaration = source.section("Parameters").get(parameter)
    if not isinstance(declaration, dict):
        return False
    return declaration.get("Default") in ("", None) or parameter in source.conditions.domains()
