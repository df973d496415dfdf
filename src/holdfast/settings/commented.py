"""Writes a settings file with every key, its default and its meaning, from the models themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from holdfast.settings.platform import PlatformSettings

# Shown, not active: a platform's own choice stays in force until it is written.
_OPTIONAL_SECTIONS = ("checks",)
# What YAML would read as a number, so that version 15.10 became 15.1.
_NUMBER = re.compile(r"[0-9][0-9_]*(\.[0-9_]*)?")


def commented_settings(model: type[PlatformSettings]) -> str:
    """Return YAML that loads to the model's defaults: keys without a default value are comments."""
    name = model.model_fields["platform"].default
    head = [
        f"# Settings of the platform {name}. `holdfast promises` says whether they keep what they promise.",
        f"platform: {name}",
        "",
    ]
    settings = model.model_validate({"platform": name})
    return "\n".join([*head, *_lines(settings, 0, skip=("platform",))]) + "\n"


def _lines(section: BaseModel, depth: int, skip: tuple[str, ...] = ()) -> Iterator[str]:
    plain = section.model_dump(mode="json")
    indent = "  " * depth
    for key, field in type(section).model_fields.items():
        if key in skip:
            continue
        value = getattr(section, key)
        yield f"{indent}# {field.description}"
        if isinstance(value, BaseModel) and key not in _OPTIONAL_SECTIONS:
            # A section whose keys are all comments would be read as null.
            written = any(item is not None for item in plain[key].values())
            yield f"{indent}{key}:" if written else f"{indent}# {key}:"
            yield from _lines(value, depth + 1)
        elif isinstance(value, BaseModel):
            yield f"{indent}# {key}: {{required_tags: [Environment, CostCenter], backup_days: 7}}"
        elif value is None:
            yield f"{indent}# {key}:"
        else:
            yield f"{indent}{key}: {_scalar(plain[key])}"


def _scalar(value: Any) -> str:
    """Return flow YAML; JSON is YAML, and only text that YAML could misread is quoted."""
    if isinstance(value, str) and value and value[0].isalnum() and not _NUMBER.fullmatch(value) and ": " not in value:
        return value
    return json.dumps(value)
