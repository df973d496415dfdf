"""What the platform says of itself in tags, and the proof of it in its templates. Pure: no CDK here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.platforms.promises import Template
from holdfast.settings.web_application import WebApplication


def tags_of(settings: WebApplication) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    return {
        "Platform": settings.platform,
        "Environment": settings.environment,
        "Project": "WebApplication",
        "CostCenter": "WebApplication",
        **settings.tags,
    }


def contradictions(settings: WebApplication, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of the platform and the templates do not bear out."""
    return [text for built, text in _evidence(settings, templates) if not built]


def _evidence(settings: WebApplication, templates: Sequence[Template]) -> Iterator[tuple[bool, str]]:
    nat = bool(_properties(templates, "AWS::EC2::NatGateway"))
    yield nat is settings.network.nat, "network: NAT gateways are not what network.nat says"
    services = json.dumps([one["ServiceName"] for one in _properties(templates, "AWS::EC2::VPCEndpoint")])
    missing = [name for name in ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "s3") if f".{name}" not in services]
    yield not missing, f"endpoints: none for {', '.join(missing)}, so that no task starts"
    scaling = _properties(templates, "AWS::ApplicationAutoScaling::ScalableTarget")
    least = settings.application.min_tasks
    yield [one["MinCapacity"] for one in scaling] == [least], f"tasks: fewer than {least} may run"
    selected = json.dumps(_properties(templates, "AWS::Backup::BackupSelection"))
    yield "cluster" in selected and "Table" in selected, "backup: cluster or table is not selected"
    tables = _properties(templates, "AWS::DynamoDB::Table")
    recoverable = [one.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") for one in tables]
    yield recoverable == [True], "sessions: no point-in-time recovery"
    silent = [one for one in _properties(templates, "AWS::CloudWatch::Alarm") if not one.get("AlarmActions")]
    yield not silent, "alarms: one tells nobody"
    instances = _properties(templates, "AWS::RDS::DBInstance")
    yield len(instances) == settings.database.readers + 1, "database: not the instances that the settings say"


def _properties(templates: Sequence[Template], kind: str) -> list[Mapping[str, Any]]:
    return [
        body.get("Properties", {})
        for template in templates
        for body in template["Resources"].values()
        if body["Type"] == kind
    ]
