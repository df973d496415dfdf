"""The platform's page says what the templates hold, and its commands are ones that AWS knows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.platforms.reading import meets
from tests.platforms.web_application.stacks import everything, stack

PAGE = (Path(__file__).parents[3] / "docs" / "platforms" / "web-application.md").read_text()
SESSION = botocore.session.Session()


def commands() -> Iterator[list[str]]:
    """The page's AWS commands: service, operation, options."""
    for line in re.sub(r"\\\n\s*", "", PAGE).splitlines():
        if line.startswith("    aws "):
            yield shlex.split(line)[1:]


@meets("HA-47")
def test_runbook_covers_database_sessions_and_objects_and_a_drill() -> None:
    operations = {" ".join(one[:2]) for one in commands()}
    assert operations >= {
        "rds restore-db-cluster-to-point-in-time",
        "backup start-restore-job",
        "dynamodb restore-table-to-point-in-time",
        "s3api copy-object",
    }
    drill = PAGE.partition("### The drill")[2]
    assert "holdfast drill failover --cluster aurora-cluster-dev" in drill


@meets("HA-47")
@pytest.mark.parametrize("command", list(commands()), ids=lambda one: "-".join(one[:3]))
def test_command_of_the_runbook_has_the_parameters_of_its_operation(command: list[str]) -> None:
    service, operation, *rest = command
    model = SESSION.get_service_model({"s3api": "s3"}.get(service, service))
    if operation == "wait":
        waiters = SESSION.get_waiter_model(service)
        config = waiters.get_waiter(next(one for one in waiters.waiter_names if xform_name(one, "-") == rest[0]))
        name = config.operation
    else:
        name = next(one for one in model.operation_names if xform_name(one, "-") == operation)
    shape = model.operation_model(name).input_shape
    assert shape is not None
    known = {xform_name(one, "-") for one in shape.members}
    given = {one.removeprefix("--") for one in rest if one.startswith("--")}
    assert given <= known
    required = {xform_name(one, "-") for one in shape.required_members}
    assert required <= given


@meets("HA-47")
def test_names_of_the_runbook_are_those_of_production() -> None:
    text = " ".join(" ".join(one) for one in commands())
    names = {
        stack("database", environment="prod").one("AWS::RDS::DBCluster")["DBClusterIdentifier"],
        stack("storage", environment="prod").one("AWS::DynamoDB::Table")["TableName"],
        stack("backup", environment="prod").one("AWS::Backup::BackupVault")["BackupVaultName"],
    }
    assert [name for name in names if name not in text] == []


@meets("HA-60")
def test_every_alarm_is_explained() -> None:
    alarms = {
        one["AlarmName"].removeprefix("alarm-").removesuffix("-dev") for one in everything() if "Alarm" in one.type
    }
    section = PAGE.partition("## What rings")[2].partition("\n## ")[0]
    rows = set(re.findall(r"[a-z0-9-]+", " ".join(row.split("|")[1] for row in section.splitlines() if "|" in row)))
    assert alarms <= rows


@meets("HA-60")
def test_backup_and_its_retention_are_told() -> None:
    section = PAGE.partition("## Recovery")[2].partition("\n## ")[0]
    for part in ("Aurora", "DynamoDB", "AWS Backup", "S3", "7 days", "35 days", "90 days"):
        assert part in section


def test_costs_add_up() -> None:
    section = PAGE.partition("## What it costs")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| ") and "USD" not in row]
    *parts, total = [float(row[3].strip(" *")) for row in rows]
    assert round(sum(parts), 2) == total
    for row in rows[:-1]:
        expression = row[2].replace("x", "*").replace(" h ", " ").replace(" ACU", "")
        assert re.fullmatch(r"[0-9.*+() ]+", expression), expression
        assert round(eval(expression), 2) == float(row[3])
