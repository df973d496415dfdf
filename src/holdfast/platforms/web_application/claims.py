"""What the platform says of itself in tags, and the proof of it in its templates. Pure: no CDK here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from holdfast.platforms import database_claims
from holdfast.platforms.database_claims import properties_of
from holdfast.platforms.promises import Template
from holdfast.platforms.web_application.promises import topology_of
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
    own = [text for built, text in _evidence(settings, templates) if not built]
    return [*database_claims.contradictions(topology_of(settings), templates), *own]


def _evidence(settings: WebApplication, templates: Sequence[Template]) -> Iterator[tuple[bool, str]]:
    nat = bool(properties_of(templates, "AWS::EC2::NatGateway"))
    yield nat is settings.network.nat, "network: NAT gateways are not what network.nat says"
    services = json.dumps([one["ServiceName"] for one in properties_of(templates, "AWS::EC2::VPCEndpoint")])
    missing = [name for name in ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "s3") if f".{name}" not in services]
    yield not missing, f"endpoints: none for {', '.join(missing)}, so that no task starts"
    scaling = properties_of(templates, "AWS::ApplicationAutoScaling::ScalableTarget")
    least = settings.application.min_tasks
    yield [one["MinCapacity"] for one in scaling] == [least], f"tasks: fewer than {least} may run"
    selected = json.dumps(properties_of(templates, "AWS::Backup::BackupSelection"))
    yield "cluster" in selected and "Table" in selected, "backup: cluster or table is not selected"
    tables = properties_of(templates, "AWS::DynamoDB::Table")
    recoverable = [one.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") for one in tables]
    yield recoverable == [True], "sessions: no point-in-time recovery"
