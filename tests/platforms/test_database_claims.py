from __future__ import annotations

import copy
from typing import Any

import pytest

from holdfast.platforms.database_claims import contradictions
from holdfast.platforms.database_promises import Topology
from tests.platforms.databases import stack_of

PLANNED = Topology(readers=1, zones=2, backup_days=5)


def raw() -> dict[str, Any]:
    return copy.deepcopy(stack_of("serverless-database").raw)


def first(template: dict[str, Any], kind: str) -> dict[str, Any]:
    properties: dict[str, Any] = next(one for one in template["Resources"].values() if one["Type"] == kind)[
        "Properties"
    ]
    return properties


def test_built_platform_bears_out_its_claims() -> None:
    assert contradictions(PLANNED, [raw()]) == []


@pytest.mark.parametrize(
    ("kind", "change", "claim"),
    [
        ("AWS::RDS::DBCluster", {"BackupRetentionPeriod": 4}, "topology: the settings say 1 readers, 2 zones, 5 days"),
        ("AWS::RDS::DBCluster", {"KmsKeyId": None}, "encryption"),
        ("AWS::RDS::DBClusterParameterGroup", {"Parameters": {}}, "TLS"),
        ("AWS::RDS::DBCluster", {"MasterUserPassword": "hunter2"}, "credentials"),
        ("AWS::RDS::DBInstance", {"PubliclyAccessible": True}, "isolation"),
        ("AWS::CloudWatch::Alarm", {"AlarmActions": []}, "alarms"),
    ],
)
def test_claim_the_template_does_not_bear_out_is_told(kind: str, change: dict[str, Any], claim: str) -> None:
    template = raw()
    first(template, kind).update(change)
    assert [text for text in contradictions(PLANNED, [template]) if text.startswith(claim)]
