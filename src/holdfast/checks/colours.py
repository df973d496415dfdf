"""Reads which of two resources of a blue-green system is the blue one and which the green one."""

from __future__ import annotations

import re

from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.values import as_text

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")


def blue_and_green(system: System, resource_type: str, name: str) -> tuple[Resource, Resource] | None:
    """Return the first resource that is called blue and the first called green; None unless both are there.

    Called: by logical id, or in what property `name` says itself. What a placeholder in it is called does not count.
    """
    found = system.resources(resource_type)
    blue, green = (next((one for one in found if _called(one, name, word)), None) for word in ("blue", "green"))
    return (blue, green) if blue and green else None


def _called(resource: Resource, name: str, colour: str) -> bool:
    own = _PLACEHOLDER.sub("", as_text(resource.get(name)) or "")
    return colour in f"{resource.logical_id} {own}".lower()
