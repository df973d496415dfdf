"""Synthesizes database platforms for their tests, each variation once a worker."""

from __future__ import annotations

import json
import re
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
    """The template of the platform's only stack, or of the last: that of the first region."""
    return stacks_of(platform, **changes)[-1]


def stacks_of(platform: str, **changes: Any) -> list[Template]:
    """The templates of the platform's stacks, in the order of deployment."""
    return _synthesized(platform, json.dumps(changes, sort_keys=True))


@cache
def _synthesized(platform: str, changes: str) -> list[Template]:
    with tempfile.TemporaryDirectory() as folder:
        written = synthesize(settings_of(platform, **json.loads(changes)), out=Path(folder))
        return [Template(one.template) for one in written]


def group_called(template: Template, start: str) -> str:
    """The logical id of the security group whose description begins so."""
    groups = template.of("AWS::EC2::SecurityGroup")
    return next(one.id for one in groups if one["GroupDescription"].startswith(start))


def dimensions(alarm: Resource) -> dict[str, str]:
    """The dimensions of an alarm by name."""
    return {one["Name"]: one["Value"] for one in alarm["Dimensions"]}


def reachable_from(template: Template, group: str, port: int) -> set[str]:
    """The security groups that are let into `group` on `port`, by logical id; addresses as they are written."""
    rules = [one.properties for one in template.of("AWS::EC2::SecurityGroupIngress", GroupId=f"{{{group}.GroupId}}")]
    rules += next(one for one in template.resources if one.id == group).get("SecurityGroupIngress") or []
    found = [one.get("SourceSecurityGroupId", one.get("CidrIp")) for one in rules if one["ToPort"] == port]
    return {str(one).removesuffix(".GroupId}").removeprefix("{") for one in found}


def dangling(template: Template) -> set[tuple[str, str]]:
    """(what stays when the stack goes, what it refers to that does not stay)."""
    bodies = template.raw["Resources"]
    kept = {id_ for id_, body in bodies.items() if body.get("DeletionPolicy", "Delete") != "Delete"}
    named = {id_: re.findall(r'"(?:Ref": |Fn::GetAtt": \[)"(\w+)"', json.dumps(bodies[id_])) for id_ in kept}
    return {(id_, other) for id_, found in named.items() for other in found if other in bodies and other not in kept}
