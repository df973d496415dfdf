"""Turns what pydantic found into one line a finding: key, what is allowed, what was got."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_WORDS = {
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "string_too_short": "text that is not empty",
}


def lines(error: ValidationError, model: type[BaseModel]) -> list[tuple[tuple[str | int, ...], str]]:
    """Return (key path, line) for each finding, in the order of the model."""
    return [(found["loc"], _line(found, model)) for found in error.errors(include_url=False)]


def dotted(path: Sequence[str | int]) -> str:
    """Return `path` as people write it: `alerts[1]`, `vault.lock.days`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _line(found: ErrorDetails, model: type[BaseModel]) -> str:
    key, kind, context = dotted(found["loc"]), found["type"], found.get("ctx") or {}
    if kind == "conflict":
        return str(context["message"])
    if kind == "extra_forbidden":
        return unknown_key(found["loc"], known_keys(model, found["loc"][:-1]))
    if kind == "missing":
        return f"{key} is missing: write it"
    return f"{key} must be {_allowed(kind, context, model, found)}, got {_shown(found['input'])}"


def _allowed(kind: str, context: Mapping[str, Any], model: type[BaseModel], found: ErrorDetails) -> str:
    if kind == "must_be":
        return str(context["allowed"])
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "")
    bounds = _bounds(model, found["loc"])
    if bounds and kind in ("greater_than_equal", "less_than_equal", "int_type", "int_parsing"):
        return f"a whole number, {bounds[0]} to {bounds[1]}"
    return _WORDS.get(kind, found["msg"])


def _bounds(model: type[BaseModel], path: Sequence[str | int]) -> tuple[int, int] | None:
    owner = _model_at(model, path[:-1])
    field = owner.model_fields.get(str(path[-1])) if owner else None
    found = {
        name: getattr(item, name)
        for item in (field.metadata if field else ())
        for name in ("ge", "le")
        if hasattr(item, name)
    }
    return (found["ge"], found["le"]) if len(found) == 2 else None


def unknown_key(path: Sequence[str | int], known: Sequence[str]) -> str:
    """Return the line for a key that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {dotted([*path[:-1], near[0]])}?" if near else f"allowed: {', '.join(sorted(known))}"
    return f"unknown key {dotted(path)}; {hint}"


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys allowed below `path`; none if nothing has keys there."""
    owner = _model_at(model, path)
    return list(owner.model_fields) if owner else []


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = _section(field.annotation) if field else None
        if inner is None:
            return None
        model = inner
    return model


def _section(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
