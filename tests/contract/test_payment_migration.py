"""The platform on the embedded AWS: deployed, cut over, deployed again without resetting it, and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.cutover.bundle import build
from holdfast.cutover.find import find
from holdfast.cutover.move import advance, start
from holdfast.cutover.ports import Fence
from holdfast.cutover.state import Environment, Outcome, Terms, Weights
from holdfast.errors import NotFound
from holdfast.platforms import synthesize
from holdfast.rehearsal.deploy import deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.settings.payment_migration import PaymentMigration
from holdfast.stacks.deploy import Deployment
from tests.support.clocks import FakeClock
from tests.support.cutover_aws import METRICS
from tests.support.emulator import HOME, invoke

pytestmark = [pytest.mark.emulator, pytest.mark.synth]

STACK = "payment-migration-dev"
SWITCH = "payment-switch-dev"
SHORT = Terms(steps=(50, 100), bake=timedelta(minutes=1))
BLUE, GREEN = Environment.BLUE, Environment.GREEN


def settings(**changes: Any) -> PaymentMigration:
    return PaymentMigration.model_validate(
        {
            "platform": "payment-migration",
            "account": "123456789012",
            "alerts": ["ops@example.com", "oncall@example.com"],
            "traffic": {"certificate": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"},
            "replication": {"certificate": "arn:aws:dms:us-east-1:123456789012:cert:ABCDEF"},
            **changes,
        }
    )


class Deployed:
    """The deployed platform and a clock that runs as fast as the test wants."""

    def __init__(self, aws: EmbeddedAws, folder: Path) -> None:
        self.aws, self.folder, self.clock = aws, folder, FakeClock(start=datetime.now(UTC).replace(microsecond=0))
        self.deployment = self.deploy()

    def deploy(self, **changes: Any) -> Deployment:
        out = self.folder / f"out-{len(list(self.folder.iterdir()))}"
        synthesize(settings(**changes), out=out, bundle=build(self.folder / "bundle"))
        self.deployment = deploy(self.aws, out)
        return self.deployment

    def client(self, service: str, region: str | None = None) -> Any:
        return self.aws.client(service, HOME)

    @property
    def world(self) -> Any:
        clients: Any = Clients(self)
        return find(STACK, clients=clients, clock=self.clock).world

    def variables(self) -> dict[str, str]:
        told = self.client("lambda").get_function_configuration(FunctionName=SWITCH)
        found: dict[str, str] = told["Environment"]["Variables"]
        return found

    def measure(self, at: datetime) -> None:
        variables = self.variables()
        tasks = f"{variables['HOLDFAST_BLUE_TASKS']},{variables['HOLDFAST_GREEN_TASKS']}".split(",")
        for arn in tasks:
            dimensions = [
                {"Name": "ReplicationInstanceIdentifier", "Value": STACK},
                {"Name": "ReplicationTaskIdentifier", "Value": arn.rsplit(":", 1)[-1]},
            ]
            data = [{"MetricName": m, "Dimensions": dimensions, "Timestamp": at, "Value": 0.0} for m in METRICS]
            self.client("cloudwatch").put_metric_data(Namespace="AWS/DMS", MetricData=data)

    def prepare(self) -> None:
        """Do what is left to people: register targets, start the load."""
        variables = self.variables()
        for name, address in (("BLUE_TG_ARN", "10.60.3.10"), ("GREEN_TG_ARN", "10.60.4.10")):
            self.client("elbv2").register_targets(TargetGroupArn=variables[name], Targets=[{"Id": address}])
        self.client("dms").start_replication_task(
            ReplicationTaskArn=variables["HOLDFAST_BLUE_TASKS"].split(",")[0],
            StartReplicationTaskType="start-replication",
        )

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.clock.sleep(60)
            self.measure(self.clock.now() - timedelta(minutes=1))
            advance(self.world, owner="tick")


class Clients:
    """The embedded AWS's clients in the form that run-time code takes them."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed

    def __call__(self, service: str, region: str | None = None) -> Any:
        return self._deployed.client(service, region)

    def cloudformation(self, region: str | None = None) -> Any:
        return self("cloudformation", region)


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    with embedded_aws(strict=True, folder=tmp_path) as aws:
        folder = tmp_path / "work"
        folder.mkdir()
        yield Deployed(aws, folder)


def test_deployed_platform_cuts_over_and_no_later_deployment_resets_it(deployed: Deployed) -> None:
    """The function runs with its own role: IAM is enforced."""
    first = invoke(deployed.aws, SWITCH, {"action": "advance"})
    assert (first["active"], first["weights"]) == ("blue", {"blue": 100, "green": 0})
    assert first["status"] == "idle"
    assert deployed.world.databases.fence(GREEN) is Fence.CLOSED

    refused = invoke(deployed.aws, SWITCH, {"action": "start", "token": "too-early"})
    assert "green has 0 healthy targets, 1 wanted; replication blue to green is stopped" in refused["refused"]

    deployed.prepare()
    deployed.measure(datetime.now(UTC) - timedelta(minutes=1))
    started = invoke(deployed.aws, SWITCH, {"action": "start", "token": "by-function"})
    assert started["weights"] == {"blue": 90, "green": 10}
    again = invoke(deployed.aws, SWITCH, {"action": "start", "token": "by-function"})
    assert again["cutover"]["token"] == "by-function"
    back = invoke(deployed.aws, SWITCH, {"action": "rollback"})
    assert (back["weights"], back["ended"][0]["outcome"]) == ({"blue": 100, "green": 0}, "rolled-back")

    deployed.minutes(1)
    start(deployed.world, token="whole", terms=SHORT, owner="operator")
    deployed.minutes(8)
    world = deployed.world
    assert world.ledger.read().ended[0].outcome is Outcome.COMPLETED
    assert (world.register.active(), world.traffic.weights()) == (GREEN, Weights(0, 100))

    stateful = ("AWS::RDS::DBCluster", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::ElasticLoadBalancingV2::Listener")
    before = physical_ids(deployed, stateful)
    deployed.deploy(tags={"CostCenter": "Other"}, cutover={"steps": [25, 100]}, migration={"phase": "green"})
    assert physical_ids(deployed, stateful) == before
    world = deployed.world
    assert (world.register.active(), world.traffic.weights()) == (GREEN, Weights(0, 100))
    assert json.loads(world.register.status())["last"]["outcome"] == "completed"
    tags = deployed.client("ssm").list_tags_for_resource(
        ResourceType="Parameter", ResourceId=deployed.variables()["SSM_PARAM_NAME"]
    )["TagList"]
    assert {one["Key"]: one["Value"] for one in tags}["CostCenter"] == "Other"
    assert deployed.variables()["HOLDFAST_CUTOVER_STEPS"] == "25,100"

    stop_flows(deployed)
    destroy(deployed.aws, deployed.deployment)
    names = ["/payment-migration/dev/active-environment", "/payment-migration/dev/migration-status"]
    assert deployed.client("ssm").get_parameters(Names=names)["Parameters"] == []
    with pytest.raises(NotFound):
        _ = deployed.world


def stop_flows(deployed: Deployed) -> None:
    for task in deployed.client("dms").describe_replication_tasks()["ReplicationTasks"]:
        if task["Status"] == "running":
            deployed.client("dms").stop_replication_task(ReplicationTaskArn=task["ReplicationTaskArn"])


def physical_ids(deployed: Deployed, kinds: tuple[str, ...]) -> dict[str, str]:
    found = deployed.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found if one["ResourceType"] in kinds}
