"""What the switch function is told by its environment, and the world and terms that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from botocore.config import Config

from holdfast.backup.stores.aws.clients import Clients
from holdfast.cutover.aws.alarms import CloudWatchAlarms
from holdfast.cutover.aws.databases import AwsDatabases, Flows
from holdfast.cutover.aws.ledger import DynamoLedger
from holdfast.cutover.aws.register import SsmRegister
from holdfast.cutover.aws.traffic import ElbTraffic
from holdfast.cutover.ports import Clock, World
from holdfast.cutover.state import Environment, Terms
from holdfast.errors import InvalidRequest
from holdfast.settings import variables as var

# One request with its one retry ends within the lease's margin: 2 x (2 + 7) s and the wait between.
CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=2,
    read_timeout=7,
    user_agent_extra="holdfast",
)


def world_of(variables: Mapping[str, str], clients: Clients, clock: Clock, region: str | None = None) -> World:
    """Return the ports on AWS that `variables` name; nothing is asked of AWS yet.

    Raises:
        InvalidRequest: a variable is missing.
    """
    sides = {
        name: {side: text_of(variables, key) for side, key in zip(Environment, keys, strict=True)}
        for name, keys in (
            ("groups", (var.BLUE_TG_ARN, var.GREEN_TG_ARN)),
            ("clusters", (var.BLUE_CLUSTER, var.GREEN_CLUSTER)),
            ("tasks", (var.BLUE_TASKS, var.GREEN_TASKS)),
        )
    }
    tasks = {side: arns.split(",") for side, arns in sides["tasks"].items()}
    flows = Flows(tasks=tasks, instance=text_of(variables, var.REPLICATION_INSTANCE))
    cloudwatch = clients("cloudwatch", region)
    alarms = [name for name in variables.get(var.WATCHED_ALARMS, "").split(",") if name]
    return World(
        traffic=ElbTraffic(clients("elbv2", region), text_of(variables, var.LISTENER_ARN), sides["groups"]),
        databases=AwsDatabases(
            clients("rds", region), clients("dms", region), cloudwatch, sides["clusters"], flows, clock
        ),
        alarms=CloudWatchAlarms(cloudwatch, alarms),
        register=SsmRegister(
            clients("ssm", region), text_of(variables, var.SSM_PARAM_NAME), text_of(variables, var.STATUS_PARAMETER)
        ),
        ledger=DynamoLedger(clients("dynamodb", region), text_of(variables, var.CUTOVER_TABLE)),
        clock=clock,
    )


def terms_of(variables: Mapping[str, str]) -> Terms:
    """Return the terms of a cutover that starts now.

    Raises:
        InvalidRequest: a variable is missing or no number.
    """
    return Terms(
        steps=tuple(_whole(var.CUTOVER_STEPS, one) for one in text_of(variables, var.CUTOVER_STEPS).split(",")),
        bake=_seconds(variables, var.BAKE_SECONDS),
        max_lag=_seconds(variables, var.MAX_LAG_SECONDS),
        min_healthy=_whole(var.MIN_HEALTHY_TARGETS, text_of(variables, var.MIN_HEALTHY_TARGETS)),
        hold_limit=_seconds(variables, var.HOLD_LIMIT_SECONDS),
        freeze_limit=_seconds(variables, var.FREEZE_LIMIT_SECONDS),
    )


def text_of(variables: Mapping[str, str], name: str) -> str:
    """Return one variable.

    Raises:
        InvalidRequest: it is not set.
    """
    value = variables.get(name, "")
    if not value:
        raise InvalidRequest(f"environment variable {name} is not set; deploy the function with its template")
    return value


def _seconds(variables: Mapping[str, str], name: str) -> timedelta:
    return timedelta(seconds=_whole(name, text_of(variables, name)))


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InvalidRequest(f"environment variable {name} must hold whole numbers, got {text!r}")
    return int(text)
