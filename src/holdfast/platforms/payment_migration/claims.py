"""What the platform says of itself, and the proof of it in its template. Pure: no CDK here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.platforms.database_claims import contradictions as database_contradictions
from holdfast.platforms.database_promises import Topology
from holdfast.platforms.promises import Template
from holdfast.settings.payment_migration import ZONES, PaymentMigration


def topology_of(settings: PaymentMigration) -> Topology:
    """Return what the settings are going to build, on each side."""
    return Topology(readers=settings.database.readers, zones=ZONES, backup_days=settings.database.backup_days)


def tags_of(settings: PaymentMigration) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    return {
        "Platform": settings.platform,
        "Environment": settings.environment,
        "CostCenter": settings.migration.cost_center,
        "MigrationPhase": settings.migration.phase,
        **settings.tags,
    }


def contradictions(settings: PaymentMigration, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of the platform and the template does not bear out."""
    own = [text for built, text in _evidence(templates) if not built]
    return database_contradictions(topology_of(settings), templates) + own


def _evidence(templates: Sequence[Template]) -> Iterator[tuple[bool, str]]:
    listeners = json.dumps(_properties(templates, "AWS::ElasticLoadBalancingV2::ListenerRule"))
    yield listeners == "[]", "weights: the template owns a listener rule, so that a deployment can reset them"
    yield not _properties(templates, "AWS::SSM::Parameter"), "active environment: the template owns a parameter"
    binary = [
        one["Parameters"].get("binlog_format") for one in _properties(templates, "AWS::RDS::DBClusterParameterGroup")
    ]
    yield binary == ["ROW", "ROW"], "replication: a cluster writes no binary log"
    owned = [one["Parameters"] for one in _properties(templates, "AWS::RDS::DBClusterParameterGroup")]
    yield not any("read_only" in one for one in owned), "fence: the template owns read_only"
    kinds = sorted(one["MigrationType"] for one in _properties(templates, "AWS::DMS::ReplicationTask"))
    yield kinds == ["cdc", "cdc", "full-load-and-cdc"], "replication: not a load and a task each way"
    services = json.dumps([one["ServiceName"] for one in _properties(templates, "AWS::EC2::VPCEndpoint")])
    wanted = ("elasticloadbalancing", "ssm", "monitoring", "secretsmanager", "rds", "dms", "dynamodb", "s3")
    missing = [name for name in wanted if f".{name}" not in services]
    yield not missing, f"endpoints: none for {', '.join(missing)}"


def _properties(templates: Sequence[Template], kind: str) -> list[Mapping[str, Any]]:
    return [
        body.get("Properties", {})
        for template in templates
        for body in template["Resources"].values()
        if body["Type"] == kind
    ]
