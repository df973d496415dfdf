"""The file alone: its parameters, its size, and that nothing of the CDK is in it."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.platforms.transaction_database.parameters import parameters
from holdfast.platforms.transaction_database.stack import MOST_BYTES, resources
from holdfast.settings.transaction_database import TransactionDatabase
from tests.platforms.reading import Template, meets
from tests.platforms.transaction_database.conftest import Build

PARAMETERS = parameters(TransactionDatabase())
CIDRS = ("VpcCIDR", "PrivateSubnet1CIDR", "PrivateSubnet2CIDR", "PrivateSubnet3CIDR")
# The longest name each service takes, by property.
LONGEST = {
    "GroupName": 255,
    "AliasName": 256,
    "RoleName": 64,
    "DBClusterIdentifier": 63,
    "DBInstanceIdentifier": 63,
    "DBSubnetGroupName": 255,
    "TopicName": 256,
    "AlarmName": 255,
    "LogGroupName": 512,
    "SubscriptionName": 255,
    "RotationLambdaName": 64,
    "Name": 512,
}


def accepts(name: str, value: str) -> bool:
    parameter = PARAMETERS[name]
    return bool(re.fullmatch(parameter["AllowedPattern"], value)) and len(value) <= parameter.get("MaxLength", 4096)


@meets("MY-88")
def test_the_parameters_are_the_fifteen_and_no_other(template: Template) -> None:
    assert list(template.raw["Parameters"]) == [
        "EnvironmentSuffix",
        *CIDRS,
        "DBInstanceClass",
        "DBName",
        "DBMasterUsername",
        "BackupRetentionPeriod",
        "PreferredBackupWindow",
        "PreferredMaintenanceWindow",
        "CPUAlarmThreshold",
        "ConnectionAlarmThreshold",
        "ReplicationLagThreshold",
        "AlarmEmailEndpoint",
    ]
    text = json.dumps([template.raw["Resources"], template.raw["Outputs"], template.raw["Conditions"]])
    unused = [name for name in template.raw["Parameters"] if f'"{name}"' not in text and f"${{{name}}}" not in text]
    assert unused == []


@meets("MY-01")
def test_suffix_is_prod_and_takes_lower_case_digits_and_hyphens(template: Template) -> None:
    found = template.raw["Parameters"]["EnvironmentSuffix"]
    assert (found["Type"], found["Default"], found["AllowedPattern"]) == ("String", "prod", "^[a-z0-9-]+$")
    assert accepts("EnvironmentSuffix", "pr-12")
    assert not any(accepts("EnvironmentSuffix", bad) for bad in ("Prod", "a_b", "", "a" * 33))


@meets("MY-02", "MY-03", "MY-04", "MY-05")
def test_ranges_have_their_defaults(template: Template) -> None:
    found = [template.raw["Parameters"][name] for name in CIDRS]
    assert [one["Default"] for one in found] == ["10.0.0.0/16", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]
    assert {one["Type"] for one in found} == {"String"}


@meets("MY-02", "MY-03", "MY-04", "MY-05")
@given(address=st.ip_addresses(v=4), bits=st.integers(0, 32))
def test_a_range_is_a_dotted_quad_from_16_to_28(address: ipaddress.IPv4Address, bits: int) -> None:
    assert all(accepts(name, f"{address}/{bits}") == (16 <= bits <= 28) for name in CIDRS)


@meets("MY-02")
@pytest.mark.parametrize("bad", ["10.0.0.256/16", "10.0.0/16", "10.0.0.0", "10.0.0.0/016", "a.b.c.d/16"])
def test_what_is_no_range_is_refused(bad: str) -> None:
    assert not accepts("VpcCIDR", bad)


@meets("MY-06")
def test_classes_are_the_seven(template: Template) -> None:
    found = template.raw["Parameters"]["DBInstanceClass"]
    assert (found["Type"], found["Default"]) == ("String", "db.r6g.xlarge")
    assert found["AllowedValues"] == [
        *(f"db.r6g.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge")),
        *(f"db.r5.{size}" for size in ("large", "xlarge", "2xlarge")),
    ]


@meets("MY-07", "MY-08")
@pytest.mark.parametrize(
    ("name", "default", "longest"), [("DBName", "transactiondb", 64), ("DBMasterUsername", "admin", 16)]
)
def test_names_begin_with_a_letter_and_hold_letters_and_digits(
    template: Template, name: str, default: str, longest: int
) -> None:
    found = template.raw["Parameters"][name]
    assert (found["Type"], found["Default"]) == ("String", default)
    assert (found["MinLength"], found["MaxLength"]) == (1, longest)
    assert accepts(name, "a1B2")
    assert not any(accepts(name, bad) for bad in ("1a", "a-b", "a_b", "", "a" * (longest + 1)))


@meets("MY-09", "MY-12", "MY-13", "MY-14")
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("BackupRetentionPeriod", {"Default": 7, "MinValue": 7, "MaxValue": 35}),
        ("CPUAlarmThreshold", {"Default": 80, "MinValue": 1, "MaxValue": 100}),
        ("ConnectionAlarmThreshold", {"Default": 1000, "MinValue": 1}),
        ("ReplicationLagThreshold", {"Default": 1000, "MinValue": 100}),
    ],
)
def test_numbers_have_their_defaults_and_bounds(template: Template, name: str, wanted: dict[str, int]) -> None:
    found = template.raw["Parameters"][name]
    assert {key: value for key, value in found.items() if key != "Description"} == {"Type": "Number", **wanted}


@meets("MY-10", "MY-11")
def test_windows_have_their_defaults_and_take_no_nonsense(template: Template) -> None:
    found = template.raw["Parameters"]
    assert found["PreferredBackupWindow"]["Default"] == "03:00-04:00"
    assert found["PreferredMaintenanceWindow"]["Default"] == "sun:04:00-sun:05:00"
    assert accepts("PreferredBackupWindow", "23:30-00:30")
    assert not accepts("PreferredBackupWindow", "24:00-25:00")
    assert accepts("PreferredMaintenanceWindow", "mon:23:30-tue:00:30")
    assert not accepts("PreferredMaintenanceWindow", "sunday:04:00-sunday:05:00")


@meets("MY-15")
def test_address_is_an_e_mail_address(template: Template) -> None:
    assert template.raw["Parameters"]["AlarmEmailEndpoint"]["Default"] == "ops@example.com"
    assert accepts("AlarmEmailEndpoint", "first.last+tag@sub.example.org")
    assert not any(
        accepts("AlarmEmailEndpoint", bad) for bad in ("ops", "ops@example", "a b@example.com", "@example.com")
    )


@meets("MY-01", "MY-06", "MY-28")
def test_every_class_has_its_figures(template: Template) -> None:
    figures = template.raw["Mappings"]["InstanceClasses"]
    assert list(figures) == template.raw["Parameters"]["DBInstanceClass"]["AllowedValues"]
    assert {name: one["ConnectionsWarning"] for name, one in figures.items() if "r6g" in name} == {
        "db.r6g.large": 800,
        "db.r6g.xlarge": 1600,
        "db.r6g.2xlarge": 2400,
        "db.r6g.4xlarge": 3200,
    }


@meets("MY-01")
def test_the_longest_suffix_fits_into_every_name() -> None:
    suffix = "x" * PARAMETERS["EnvironmentSuffix"]["MaxLength"]
    checked = 0
    for id_, body in resources(TransactionDatabase()).items():
        named = {**body["Properties"], **body["Properties"].get("HostedRotationLambda", {})}
        for key in LONGEST.keys() & named.keys():
            if "Fn::Sub" not in named[key]:  # a reference to the resource that bears the name
                continue
            name = named[key]["Fn::Sub"].replace("${EnvironmentSuffix}", suffix)
            assert len(name) <= LONGEST[key], (id_, key)
            checked += 1
    assert checked > 30


def test_file_is_taken_without_a_bucket_and_holds_nothing_of_the_cdk(assembly: Path, template: Template) -> None:
    data = (assembly / "transaction-database-prod.template.json").read_bytes()
    assert len(data) <= MOST_BYTES
    text = data.decode().lower()
    assert [word for word in ("bootstrap", "cdk", "assets", "s3bucket") if word in text] == []
    assert "Rules" not in template.raw
    assert not any("Metadata" in body for body in template.raw["Resources"].values())
    assert not list(assembly.glob("*.assets.json")) + list(assembly.glob("asset.*"))


@meets("MY-89")
def test_region_and_account_are_asked_of_cloudformation(build: Build, assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())["artifacts"]["transaction-database-prod"]
    assert manifest["environment"] == "aws://unknown-account/us-east-1"
    text = json.dumps(build(account="123456789012", region="eu-west-1").raw)
    assert "123456789012" not in text
    assert "eu-west-1" not in text
    assert "us-east-1" not in text


@meets("MY-88")
def test_settings_are_the_parameters_defaults(build: Build) -> None:
    found = build(
        environment="qa",
        alerts=["first@example.com", "second@example.com"],
        network={"cidr": "10.9.0.0/16", "subnets": ["10.9.1.0/24", "10.9.2.0/24", "10.9.3.0/24"]},
        database={"instance_class": "db.r5.2xlarge", "name": "cards", "username": "root1", "backup_days": 30},
        alarms={"cpu_percent": 70, "connections": 2500, "replica_lag_ms": 500},
    )
    given = {name: one["Default"] for name, one in found.raw["Parameters"].items()}
    assert given == {
        "EnvironmentSuffix": "qa",
        "VpcCIDR": "10.9.0.0/16",
        "PrivateSubnet1CIDR": "10.9.1.0/24",
        "PrivateSubnet2CIDR": "10.9.2.0/24",
        "PrivateSubnet3CIDR": "10.9.3.0/24",
        "DBInstanceClass": "db.r5.2xlarge",
        "DBName": "cards",
        "DBMasterUsername": "root1",
        "BackupRetentionPeriod": 30,
        "PreferredBackupWindow": "03:00-04:00",
        "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
        "CPUAlarmThreshold": 70,
        "ConnectionAlarmThreshold": 2500,
        "ReplicationLagThreshold": 500,
        "AlarmEmailEndpoint": "first@example.com",
    }
    subscribed = [one["Endpoint"] for one in found.one("AWS::SNS::Topic")["Subscription"]]
    assert subscribed == ["{AlarmEmailEndpoint}", "second@example.com"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"network": {"subnets": ["10.0.1.0/24", "10.0.1.0/25", "10.0.3.0/24"]}}, "overlaps 10.0.1.0/24"),
    ({"network": {"subnets": ["10.1.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]}}, "does not lie in 10.0.0.0/16"),
    ({"network": {"subnets": ["10.0.1.0/24"]}}, "network.subnets must be 3 ranges, one a zone, got 1"),
    ({"database": {"backup_days": 6}}, "greater than or equal to 7"),
    ({"database": {"engine_version": "8.0.mysql_aurora.3.04.0"}}, "a version of aurora-mysql on offer"),
    ({"database": {"instance_class": "db.t3.medium"}}, "db.r6g.large"),
    ({"database": {"name": "1st"}}, "a letter, then up to 63 letters and digits"),
    ({"database": {"maintenance_window": "sun:03:30-sun:04:30"}}, "overlaps"),
    ({"region": "us-west-1"}, "region us-west-1 has 2 availability zones and 3 are needed"),
    ({"database": {"instance_class": "db.r5.large"}}, "alarms.connections must be below 1000"),
]


@pytest.mark.parametrize(("changes", "line"), BAD)
def test_what_cannot_be_is_refused_before_synthesis(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        TransactionDatabase.model_validate(changes)
    assert line in str(caught.value)
