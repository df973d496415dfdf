"""Synthesizes database platforms for their tests, each variation once a worker."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.platforms import synthesize
from holdfast.settings.load import defaults
from holdfast.settings.platform import PlatformSettings
from tests.platforms.reading import Resource, Template


def settings_of(platform: str, **changes: Any) -> PlatformSettings:
    """The platform's defaults with changes to whole sections' keys."""
    return type(defaults(platform)).model_validate({"platform": platform, **changes})


def stack_of(platform: str, **changes: Any) -> Template:
    """The template of the platform's only stack."""
    return _synthesized(platform, json.dumps(changes, sort_keys=True))


@cache
def _synthesized(platform: str, changes: str) -> Template:
    with tempfile.TemporaryDirectory() as folder:
        (one,) = synthesize(settings_of(platform, **json.loads(changes)), out=Path(folder))
        return Template(one.template)


def dimensions(alarm: Resource) -> dict[str, str]:
    """The dimensions of an alarm by name."""
    return {one["Name"]: one["Value"] for one in alarm["Dimensions"]}


def reachable_from(template: Template, group: str, port: int) -> set[str]:
    """The security groups that are let into `group` on `port`, by logical id; addresses as they are written."""
    rules = [one.properties for one in template.of("AWS::EC2::SecurityGroupIngress", GroupId=f"{{{group}.GroupId}}")]
    rules += next(one for one in template.resources if one.id == group).get("SecurityGroupIngress") or []
    found = [one.get("SourceSecurityGroupId", one.get("CidrIp")) for one in rules if one["ToPort"] == port]
    return {str(one).removesuffix(".GroupId}").removeprefix("{") for one in found}
