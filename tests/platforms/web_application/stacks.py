"""Synthesizes the web application for its tests, each variation once a worker."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.platforms import synthesize
from tests.platforms.databases import settings_of
from tests.platforms.reading import Resource, Template

NAME = "web-application"
COMPONENTS = ("network", "keys", "database", "storage", "compute", "monitoring", "backup")
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-4333-8444-555555555555"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.4"


def templates(**changes: Any) -> dict[str, Template]:
    """Every component's template, in the order of deployment."""
    return _synthesized(json.dumps(changes, sort_keys=True))


def stack(component: str, **changes: Any) -> Template:
    """One component's template."""
    return templates(**changes)[component]


def everything(**changes: Any) -> list[Resource]:
    """The resources of all components."""
    return [one for template in templates(**changes).values() for one in template.resources]


@cache
def _synthesized(changes: str) -> dict[str, Template]:
    with tempfile.TemporaryDirectory() as folder:
        found = synthesize(settings_of(NAME, **json.loads(changes)), out=Path(folder))
        return {one.name.split("-")[2]: Template(one.template) for one in found}


def imports(value: Any) -> str:
    """What an imported value names: `{stack}:{export}`."""
    assert isinstance(value, dict), value
    return str(value["Fn::ImportValue"])


def group(template: Template, start: str) -> Resource:
    """The security group whose description begins so."""
    found = template.of("AWS::EC2::SecurityGroup")
    return next(one for one in found if one["GroupDescription"].startswith(start))
