"""What a cloud assembly says of the templates in it: stack name, region, and which construct made each resource."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AssembledStack:
    """One stack artifact of a `manifest.json`."""

    name: str
    region: str | None
    _own: Any = field(default=None, repr=False)
    _beside: Path | None = field(default=None, repr=False)

    @cached_property
    def constructs(self) -> dict[str, str]:
        """Logical id to construct path, from the manifest or the metadata file beside it; read when first asked for."""
        found: dict[str, str] = {}
        for metadata in (self._own, _json(self._beside) if self._beside else None):
            for path, entries in _items(metadata):
                for entry in entries if isinstance(entries, list) else ():
                    if isinstance(entry, dict) and entry.get("type") == "aws:cdk:logicalId":
                        found[str(entry.get("data"))] = str(path).strip("/")
        return found


def read_assembly(folder: Path) -> dict[str, AssembledStack]:
    """Return the stacks by the file name of their template; empty where `folder` holds no readable manifest."""
    manifest = _json(folder / "manifest.json")
    found: dict[str, AssembledStack] = {}
    for name, artifact in _items(manifest.get("artifacts") if isinstance(manifest, dict) else None):
        properties = artifact.get("properties") if isinstance(artifact, dict) else None
        if isinstance(properties, dict) and isinstance(properties.get("templateFile"), str):
            beside = artifact.get("additionalMetadataFile")
            found[properties["templateFile"]] = AssembledStack(
                str(properties.get("stackName", name)),
                _region(artifact),
                artifact.get("metadata"),
                folder / beside if isinstance(beside, str) else None,
            )
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _region(artifact: dict[str, Any]) -> str | None:
    region = str(artifact.get("environment", "")).rsplit("/", 1)[-1]
    return region if region and not region.startswith("unknown") else None
