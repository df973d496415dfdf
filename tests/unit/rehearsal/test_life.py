"""What counts as replaced, and what as left behind."""

from __future__ import annotations

from typing import Any

from holdfast.rehearsal.deploy import DeployedStack, Deployment
from holdfast.rehearsal.life import kept, left_behind, replaced, snapshotted, touched, unprotected
from holdfast.stacks.assembly import Stack


def deployment(ids: dict[str, str], **resources: Any) -> Deployment:
    stack = DeployedStack(
        name="s", region="r", template={"Resources": resources}, outputs={}, resources=ids, seconds=0.0
    )
    return Deployment(stacks=(stack,))


def test_touching_adds_a_tag_and_moves_thresholds_of_a_copy() -> None:
    alarm: dict[str, Any] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 2, "Tags": []}}
    computed = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": {"Ref": "P"}}}
    stack = Stack(name="s", region="r", template={"Resources": {"A": alarm, "C": computed, "B": {"Type": "X"}}})

    resources: dict[str, Any] = touched(stack).template["Resources"]

    assert resources["A"]["Properties"] == {"Threshold": 2.5, "Tags": [{"Key": "Touched", "Value": "yes"}]}
    assert resources["C"] == computed
    assert alarm["Properties"]["Threshold"] == 2


def test_protection_is_lifted_in_a_copy_and_set_nowhere_else() -> None:
    cluster: dict[str, Any] = {"Type": "c", "Properties": {"DeletionProtection": {"Fn::If": ["P", True, False]}}}
    table = {"Type": "t", "Properties": {"DeletionProtectionEnabled": True}}
    stack = Stack(name="s", region="r", template={"Resources": {"C": cluster, "T": table, "B": {"Type": "X"}}})

    resources: dict[str, Any] = unprotected(stack).template["Resources"]

    assert resources["C"]["Properties"] == {"DeletionProtection": False}
    assert resources["T"]["Properties"] == {"DeletionProtectionEnabled": False}
    assert resources["B"] == {"Type": "X"}
    assert "Fn::If" in cluster["Properties"]["DeletionProtection"]


def test_a_resource_with_another_id_or_none_is_replaced() -> None:
    before = deployment({"Same": "1", "Other": "2", "Gone": "3"})
    assert replaced(before, deployment({"Same": "1", "Other": "9", "New": "4"})) == ["s.Other", "s.Gone"]


def test_what_the_templates_keep_is_not_left_behind_and_anything_else_is() -> None:
    deployed = deployment({"B": "my-bucket", "Q": "q"}, B={"Type": "b", "DeletionPolicy": "Retain"}, Q={"Type": "q"})
    keeps = kept(deployed)
    before, after = {"s3": {"old"}}, {"s3": {"old", "my-bucket", "my-bucket/tags"}, "sqs": {"q"}}
    assert keeps == {"my-bucket"}
    assert left_behind(before, after, keeps) == ["sqs: q"]


def test_a_final_snapshot_is_allowed_where_the_template_asks_for_one_and_nothing_else_is() -> None:
    deployed = deployment({"C": "cluster"}, C={"Type": "c", "DeletionPolicy": "Snapshot"})
    after = {"rds._snapshots": {"cluster-final"}, "rds._clusters": {"cluster"}}
    assert left_behind({}, after, kept(deployed), snapshotted(deployed)) == ["rds._clusters: cluster"]
