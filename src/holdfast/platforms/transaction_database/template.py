"""The words the parts of the template share. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = dict[str, Any]
Resources = dict[str, Body]


def ref(name: str) -> Body:
    """Return a reference to a parameter, pseudo parameter or resource."""
    return {"Ref": name}


def attribute(resource: str, name: str) -> Body:
    """Return an attribute of a resource."""
    return {"Fn::GetAtt": [resource, name]}


def sub(text: str) -> Body:
    """Return `text` with its `${...}` filled in at deployment."""
    return {"Fn::Sub": text}


def suffixed(stem: str) -> Body:
    """Return `stem-{suffix}`."""
    return sub(f"{stem}-${{EnvironmentSuffix}}")


def resource(kind: str, properties: Body, **attributes: Any) -> Body:
    """Return a resource; `attributes` are DependsOn, DeletionPolicy and their like."""
    return {"Type": kind, "Properties": properties, **attributes}


class Tags:
    """Tags of every taggable resource: the name with the suffix, the environment, and those of the settings."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._extra = dict(extra)

    def __call__(self, stem: str, **more: str) -> list[Body]:
        """Return the tags of a resource called `stem-{suffix}`; those of the settings win."""
        own: dict[str, Any] = {"Name": suffixed(stem), "Environment": ref("EnvironmentSuffix"), **more}
        return [{"Key": key, "Value": value} for key, value in (own | self._extra).items()]
