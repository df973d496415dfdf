"""What a resource type is to the extension: how one is made, changed and removed through the service's own API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Properties = dict[str, Any]
Created = tuple[str, dict[str, Any]]  # physical id, and what Fn::GetAtt yields


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """How one type is made, changed and removed."""

    create: Callable[[str, Properties], Created]
    delete: Callable[[str, Properties], None]
    update: Callable[[str, Properties, Properties], Created] | None = None  # None: delete, then create


def chosen(properties: Properties, fields: Iterable[str]) -> Properties:
    """Return those of `fields` that are given."""
    return {field: properties[field] for field in fields if field in properties}


def tags_of(properties: Properties) -> dict[str, str]:
    """Return the tags of a resource, whichever of CloudFormation's two forms they have."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: str(tag["Value"]) for tag in tags}


def whole(value: Any) -> Any:
    """Return a copy whose numbers and truths are such: CloudFormation takes "300" and "true" as well."""
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
