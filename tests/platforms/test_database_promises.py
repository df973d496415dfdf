from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast.checks.values import Undecided
from holdfast.platforms.database_promises import Topology, database_promises, read_topology
from holdfast.platforms.promises import Promise
from holdfast.settings.promises import Promises

DAILY = timedelta(hours=24)
PLANNED = Topology(readers=2, zones=3, backup_days=7)


def template(*, readers: int = 1, zones: int = 2, days: Any = 5, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    subnets = {
        f"Subnet{n}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"AvailabilityZone": {"Fn::Select": [n, {"Fn::GetAZs": ""}]}},
        }
        for n in range(zones)
    }
    instances = {
        f"Instance{n}": {"Type": "AWS::RDS::DBInstance", "Properties": {"DBClusterIdentifier": {"Ref": "Cluster"}}}
        for n in range(readers + 1)
    }
    group = {"Type": "AWS::RDS::DBSubnetGroup", "Properties": {"SubnetIds": [{"Ref": name} for name in subnets]}}
    properties = {"Engine": "aurora-mysql", "BackupRetentionPeriod": days, "DBSubnetGroupName": {"Ref": "Group"}}
    cluster = {"Type": "AWS::RDS::DBCluster", "Properties": properties}
    return {"Resources": {**subnets, **instances, "Group": group, "Cluster": cluster, **(extra or {})}}


def plan(*, copies: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {"RuleName": "daily", "ScheduleExpression": "cron(0 5 * * ? *)"}
    if copies:
        rule["CopyActions"] = [{"DestinationBackupVaultArn": "arn:aws:backup:us-west-2:111122223333:backup-vault:v"}]
    return {"Type": "AWS::Backup::BackupPlan", "Properties": {"BackupPlan": {"BackupPlanRule": [rule]}}}


def by_name(promised: Promises, found: Topology) -> dict[str, Promise]:
    return {one.name: one for one in database_promises(promised, found, ())}


def test_topology_is_read_from_the_template() -> None:
    assert read_topology([template()]) == Topology(readers=1, zones=2, backup_days=5)


def test_weakest_of_several_clusters_counts() -> None:
    assert read_topology([template(readers=0, zones=3), template(zones=2, days=9)]) == Topology(
        readers=0, zones=2, backup_days=5
    )


@pytest.mark.parametrize(("copies", "gap"), [(True, DAILY), (False, None)])
def test_backups_count_for_the_loss_of_a_region_only_if_they_are_copied(copies: bool, gap: timedelta | None) -> None:
    found = read_topology([template(extra={"Plan": plan(copies=copies)})])
    assert isinstance(found, Topology)
    assert found.copy_gap == gap
    rpo = by_name(Promises(), found)["rpo"]
    assert ("24h old" in rpo.sum) is copies
    assert ("not promised" in rpo.sum) is not copies


def test_parameter_without_a_default_leaves_the_promises_unproven() -> None:
    one = template(days={"Ref": "Days"})
    one["Parameters"] = {"Days": {"Type": "Number"}}
    assert isinstance(read_topology([one]), Undecided)
    assert {p.evidence for p in database_promises(Promises(), PLANNED, [one])} == {"unproven"}
    one["Parameters"]["Days"]["Default"] = 6
    assert read_topology([one]) == Topology(readers=1, zones=2, backup_days=6)


def test_templates_count_more_than_the_plan() -> None:
    found = {one.name: one for one in database_promises(Promises(retention=timedelta(days=7)), PLANNED, [template()])}
    assert (found["retention"].value, found["retention"].met) == ("5d", False)


def test_failover_is_promotion_and_the_names_lifetime() -> None:
    promised = Promises(failover=timedelta(minutes=1))
    failover = by_name(promised, PLANNED)["failover"]
    assert (failover.value, failover.met) == ("1m 5s", False)
    assert "1m to detect and promote a reader" in failover.sum
    assert "drill failover" in failover.sum
    assert by_name(Promises(failover=timedelta(seconds=65)), PLANNED)["failover"].met is True
    alone = by_name(promised, Topology(readers=0, zones=3, backup_days=7))["failover"]
    assert (alone.value, alone.met) == ("10m 5s", False)


def test_failover_that_nobody_promised_is_told_and_met() -> None:
    failover = by_name(Promises(), PLANNED)["failover"]
    assert (failover.promised, failover.met) == ("nothing", True)


@pytest.mark.parametrize(("seconds", "met"), [(299, False), (300, True)])
def test_recovery_point_is_the_lag_of_point_in_time_restore(seconds: int, met: bool) -> None:
    rpo = by_name(Promises(rpo=timedelta(seconds=seconds)), PLANNED)["rpo"]
    assert (rpo.value, rpo.met, rpo.evidence) == ("5m", met, "derived")


def test_recovery_time_is_left_to_a_measurement() -> None:
    rto = by_name(Promises(), PLANNED)["rto"]
    assert (rto.evidence, rto.met) == ("unproven", None)
    assert "restore one and time it" in rto.sum


@pytest.mark.parametrize(
    ("readers", "zones", "value", "met"), [(1, 2, "99.99%", True), (0, 3, "99.5%", False), (2, 1, "99.5%", False)]
)
def test_availability_needs_two_instances_in_two_zones(readers: int, zones: int, value: str, met: bool) -> None:
    found = by_name(Promises(availability=0.999), Topology(readers=readers, zones=zones, backup_days=7))["availability"]
    assert (found.value, found.met) == (value, met)


def test_template_without_a_cluster_proves_nothing() -> None:
    assert {one.met for one in database_promises(Promises(), PLANNED, [{"Resources": {}}])} == {None}
