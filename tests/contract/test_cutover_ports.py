"""What a cutover may rely on, in memory and on the embedded AWS alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cutover.memory import MemoryAlarms, MemoryRegister, MemoryTraffic, memory_world
from holdfast.cutover.move import advance, rollback, start
from holdfast.cutover.ports import Fence, FlowStatus, World
from holdfast.cutover.state import Cutover, Environment, Outcome, Phase, Record, Terms, Weights
from holdfast.errors import Conflict, IntegrityError, LeaseLost, NotFound, Refused
from holdfast.rehearsal.ports import EmbeddedAws, Fault
from holdfast.settings import variables as var
from tests.support.clocks import FakeClock
from tests.support.cutover_aws import METRICS, AwsScene

BLUE, GREEN = Environment.BLUE, Environment.GREEN
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
LATER = NOW + timedelta(seconds=120)
SHORT = Terms(steps=(50, 100), bake=timedelta(minutes=1))


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield memory_world(FakeClock())
    else:
        yield AwsScene(request.getfixturevalue("aws"), FakeClock()).world


@pytest.fixture
def scene(aws: EmbeddedAws) -> AwsScene:
    return AwsScene(aws, FakeClock())


def test_weights_are_what_was_set(world: World) -> None:
    assert world.traffic.weights() == Weights(100, 0)
    world.traffic.set_weights(Weights(90, 10))
    world.traffic.set_weights(Weights(90, 10))
    assert world.traffic.weights() == Weights(90, 10)


def test_fences_are_apart(world: World) -> None:
    world.databases.set_fence(GREEN, closed=True)
    assert (world.databases.fence(BLUE), world.databases.fence(GREEN)) == (Fence.OPEN, Fence.CLOSED)
    world.databases.set_fence(BLUE, closed=True)
    world.databases.set_fence(GREEN, closed=False)
    assert (world.databases.fence(BLUE), world.databases.fence(GREEN)) == (Fence.CLOSED, Fence.OPEN)


def test_flow_starts_stops_and_resumes(world: World) -> None:
    assert world.databases.flow(GREEN).status is FlowStatus.STOPPED
    world.databases.start_flow(GREEN, since=NOW)
    assert world.databases.flow(GREEN).status is FlowStatus.RUNNING
    world.databases.stop_flow(GREEN)
    assert world.databases.flow(GREEN).status is FlowStatus.STOPPED
    world.databases.start_flow(GREEN, since=None)
    assert world.databases.flow(GREEN).status is FlowStatus.RUNNING


def test_register_holds_active_and_status(world: World) -> None:
    assert (world.register.active(), world.register.status()) == (BLUE, "")
    world.register.set_active(GREEN)
    world.register.set_status('{"status": "idle"}')
    assert (world.register.active(), world.register.status()) == (GREEN, '{"status": "idle"}')


def test_nothing_rings(world: World) -> None:
    assert list(world.alarms.ringing()) == []


def test_record_comes_back_as_it_was_saved(world: World) -> None:
    cutover = Cutover(
        token="t", source=BLUE, target=GREEN, terms=SHORT, started=NOW, since=NOW, phase=Phase.FREEZING, frozen_at=NOW
    )
    held = world.ledger.acquire("a", now=NOW, until=LATER)
    saved = world.ledger.save(replace(held, cutover=cutover))
    assert world.ledger.read() == saved
    assert saved == Record(version=held.version + 1, owner="a", until=LATER, cutover=cutover)
    ended = world.ledger.save(saved.end(Outcome.ROLLED_BACK, NOW))
    assert world.ledger.read() == ended
    assert ended.ended[0].outcome is Outcome.ROLLED_BACK


def test_held_lease_is_refused_to_others_and_renewed_to_its_owner(world: World) -> None:
    world.ledger.acquire("a", now=NOW, until=LATER)
    with pytest.raises(Conflict, match="a is moving until 02:02:00 UTC"):
        world.ledger.acquire("b", now=NOW, until=LATER)
    assert world.ledger.acquire("a", now=NOW, until=LATER + timedelta(seconds=1)).version == 2


def test_ended_lease_goes_to_whoever_asks_and_its_old_owner_writes_nothing(world: World) -> None:
    old = world.ledger.acquire("a", now=NOW, until=LATER)
    new = world.ledger.acquire("b", now=LATER, until=LATER + timedelta(seconds=120))
    with pytest.raises(LeaseLost):
        world.ledger.save(old)
    assert world.ledger.read() == new


def test_given_up_lease_is_free_at_once(world: World) -> None:
    held = world.ledger.acquire("a", now=NOW, until=LATER)
    world.ledger.save(replace(held, owner="", until=None))
    assert world.ledger.acquire("b", now=NOW, until=LATER).owner == "b"


def test_memory_register_says_what_is_wrong() -> None:
    with pytest.raises(NotFound, match="not registered"):
        MemoryRegister(active_text=None).active()
    with pytest.raises(IntegrityError, match="must be blue or green, got 'purple'"):
        MemoryRegister(active_text="purple").active()
    assert MemoryAlarms(("a",)).ringing() == ("a",)
    assert MemoryTraffic().healthy(BLUE) == 2


@pytest.mark.emulator
def test_parameter_that_is_neither_is_refused(scene: AwsScene) -> None:
    scene.client("ssm").put_parameter(Name=scene.variables[var.SSM_PARAM_NAME], Value="purple", Overwrite=True)
    with pytest.raises(IntegrityError, match="must be blue or green, got 'purple'"):
        scene.world.register.active()
    scene.client("ssm").delete_parameter(Name=scene.variables[var.SSM_PARAM_NAME])
    with pytest.raises(NotFound, match="ParameterNotFound"):
        scene.world.register.active()


@pytest.mark.emulator
def test_alarm_in_alarm_and_missing_alarm_ring(scene: AwsScene) -> None:
    lag, errors = f"{scene.name}-lag", f"{scene.name}-green-5xx"
    scene.alarm(lag, "ALARM")
    assert list(scene.world.alarms.ringing()) == [lag]
    scene.client("cloudwatch").delete_alarms(AlarmNames=[errors])
    assert list(scene.world.alarms.ringing()) == [lag, f"{errors} (missing)"]


@pytest.mark.emulator
def test_save_whose_answer_is_lost_is_known_by_what_stands(scene: AwsScene) -> None:
    held = scene.world.ledger.acquire("a", now=NOW, until=LATER)
    with scene.aws.inject(Fault(service="dynamodb", operation="PutItem", error="AnswerLost")):
        saved = scene.world.ledger.save(replace(held, until=LATER + timedelta(seconds=1)))
    assert scene.world.ledger.read() == saved


@pytest.mark.emulator
def test_healthy_targets_are_counted_by_side(scene: AwsScene) -> None:
    assert scene.world.traffic.healthy(GREEN) == 0
    scene.register_target(GREEN, "10.0.0.1")
    assert (scene.world.traffic.healthy(BLUE), scene.world.traffic.healthy(GREEN)) == (0, 1)


@pytest.mark.emulator
def test_lag_is_of_the_newest_minute_that_every_metric_has(scene: AwsScene) -> None:
    scene.world.databases.start_flow(BLUE, since=NOW)
    assert scene.world.databases.flow(BLUE).lag_seconds is None
    now = scene.clock.now()
    scene.measure(BLUE, dict(zip(METRICS, (3.0, 5.0, 7.0), strict=True)), now - timedelta(minutes=3))
    scene.measure(BLUE, {METRICS[0]: 90.0}, now - timedelta(minutes=2))
    found = scene.world.databases.flow(BLUE)
    assert (found.lag_seconds, found.pending) == (5.0, 7.0)
    assert found.as_of == now - timedelta(minutes=3)


@pytest.mark.emulator
def test_weights_of_a_listener_without_such_a_rule_are_its_default_action(scene: AwsScene) -> None:
    elb, listener = scene.client("elbv2"), scene.variables[var.LISTENER_ARN]
    for rule in elb.describe_rules(ListenerArn=listener)["Rules"]:
        if not rule["IsDefault"]:
            elb.delete_rule(RuleArn=rule["RuleArn"])
    scene.world.traffic.set_weights(Weights(10, 90))
    assert scene.world.traffic.weights() == Weights(10, 90)


@pytest.mark.emulator
def test_whole_cutover_on_aws(scene: AwsScene) -> None:
    world = scene.world

    def minute() -> None:
        scene.clock.sleep(60)
        for side in Environment:
            scene.measure(side, dict.fromkeys(METRICS, 0.0), scene.clock.now() - timedelta(minutes=1))
        advance(world, owner="tick")

    advance(world, owner="tick")
    with pytest.raises(Refused, match="green has 0 healthy targets, 1 wanted; replication blue to green is stopped"):
        start(world, token="t", terms=SHORT, owner="operator")
    scene.register_target(BLUE, "10.0.0.1")
    scene.register_target(GREEN, "10.0.0.2")
    scene.load()
    minute()
    start(world, token="t", terms=SHORT, owner="operator")
    assert world.traffic.weights() == Weights(50, 50)
    for _ in range(10):
        minute()
    assert world.ledger.read().ended[0].outcome is Outcome.COMPLETED
    assert (world.register.active(), world.traffic.weights()) == (GREEN, Weights(0, 100))
    assert (world.databases.fence(BLUE), world.databases.fence(GREEN)) == (Fence.CLOSED, Fence.OPEN)
    assert scene.tasks() == {"load": "stopped", "blue-to-green": "ready", "green-to-blue": "running"}

    rollback(world, token="r", terms=SHORT, reason="told to", owner="operator")
    for _ in range(10):
        minute()
    assert (world.register.active(), world.traffic.weights()) == (BLUE, Weights(100, 0))
    assert scene.tasks() == {"load": "stopped", "blue-to-green": "running", "green-to-blue": "stopped"}
