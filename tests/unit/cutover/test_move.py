"""One run after another in a world of memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from holdfast.cutover.move import LEASE, advance, rollback, start
from holdfast.cutover.ports import Fence, FlowStatus
from holdfast.cutover.state import Environment, Outcome, Phase, Terms, Weights, share
from holdfast.errors import Conflict, InvalidRequest, LeaseLost, Refused
from tests.support.cutover import BLUE, GREEN, Scene

TERMS = Terms(bake=timedelta(minutes=10))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def begin(scene: Scene, token: str = "t1", terms: Terms = TERMS) -> None:
    start(scene.world, token=token, terms=terms, owner="operator")


def test_start_gives_the_target_its_first_share_and_nothing_else(scene: Scene) -> None:
    begin(scene)
    assert scene.traffic.live == Weights(90, 10)
    assert scene.register.active_text == "blue"
    assert (scene.databases.fences[BLUE], scene.databases.fences[GREEN]) == (Fence.OPEN, Fence.CLOSED)


def test_cutover_bakes_each_step_then_moves_the_writes_once(scene: Scene) -> None:
    begin(scene)
    seen = [scene.traffic.live.green]
    while scene.cutover:
        scene.minute()
        if scene.traffic.live.green != seen[-1]:
            seen.append(scene.traffic.live.green)
    assert seen == [10, 50, 100]
    assert scene.register.active_text == "green"
    assert (scene.databases.fences[BLUE], scene.databases.fences[GREEN]) == (Fence.CLOSED, Fence.OPEN)
    assert (scene.databases.flows[BLUE], scene.databases.flows[GREEN]) == (FlowStatus.STOPPED, FlowStatus.RUNNING)
    assert scene.world.ledger.read().ended[0].outcome is Outcome.COMPLETED
    assert scene.clock.now() - scene.started >= 3 * TERMS.bake


def test_no_write_is_lost_on_the_way(scene: Scene) -> None:
    begin(scene)
    while scene.cutover:
        scene.client_writes()
        scene.minute()
    assert scene.accepted <= scene.databases.rows[GREEN]


def test_status_says_where_the_cutover_is(scene: Scene) -> None:
    begin(scene)
    found = json.loads(scene.register.status_text)
    assert found["status"] == "shifting"
    assert found["percent"] == 10
    assert found["active"] == "blue"
    assert found["waiting"].startswith("bakes at 10 % until ")


def test_repeated_request_starts_nothing(scene: Scene) -> None:
    begin(scene)
    begin(scene)
    assert scene.traffic.live == Weights(90, 10)
    scene.until_idle()
    begin(scene)
    assert scene.cutover is None
    assert scene.register.active_text == "green"


@pytest.mark.parametrize("token", ["", "a b", "x" * 65, "ü"])
def test_token_that_does_not_fit_is_refused(scene: Scene, token: str) -> None:
    with pytest.raises(InvalidRequest, match="a token must be 1 to 64 letters"):
        begin(scene, token=token)


def test_longest_reasons_fit_into_the_status(scene: Scene) -> None:
    begin(scene, token="x" * 64)
    rollback(scene.world, token="r", terms=TERMS, reason="\N{GRINNING FACE}" * 5000, owner="operator")
    assert len(scene.ended.reason) == 1000
    begin(scene, token="y" * 64)
    scene.traffic.targets = dict.fromkeys(scene.traffic.targets, 0)
    scene.minute()
    assert len(scene.register.status_text.encode()) <= 4096


def test_second_cutover_is_busy(scene: Scene) -> None:
    begin(scene)
    with pytest.raises(Conflict, match="from blue to green is shifting since"):
        begin(scene, token="t2")


def test_held_lease_is_busy_until_it_ends(scene: Scene) -> None:
    now = scene.clock.now()
    scene.world.ledger.acquire("someone", now=now, until=now + LEASE)
    with pytest.raises(Conflict, match="someone is moving until"):
        begin(scene)
    scene.clock.sleep(LEASE.total_seconds() + 1)
    begin(scene)
    assert scene.traffic.live == Weights(90, 10)


def test_mover_that_outlives_its_lease_writes_nothing(scene: Scene) -> None:
    begin(scene)
    scene.clock.sleep(700)
    scene.on_look = lambda: scene.clock.sleep(LEASE.total_seconds())
    with pytest.raises(LeaseLost):
        advance(scene.world, owner="slow")
    assert scene.traffic.live == Weights(90, 10)


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda s: s.traffic.targets.update({GREEN: 0}), "green has 0 healthy targets, 1 wanted"),
        (lambda s: setattr(s.databases, "lag", 11.0), "replication blue to green lags 11 s, 10 allowed"),
        (lambda s: setattr(s.databases, "lag", None), "the lag of replication blue to green is unknown"),
        (lambda s: s.databases.stop_flow(BLUE), "replication blue to green is stopped; start its task"),
        (lambda s: setattr(s.databases, "tables_in_error", 2), "has 2 tables in error"),
        (lambda s: setattr(s.alarms, "names", ("green-5xx",)), "alarm green-5xx rings"),
        (lambda s: setattr(s.traffic, "live", Weights(70, 30)), "live weights are blue 70, green 30 while blue is"),
        (lambda s: s.databases.set_fence(GREEN, closed=False), "the database of green takes writes"),
        (lambda s: s.databases.set_fence(BLUE, closed=True), "the database of blue, which is active, takes no writes"),
    ],
)
def test_start_is_refused_by_name_of_the_gate(scene: Scene, break_it: object, says: str) -> None:
    break_it(scene)  # type: ignore[operator]
    before = scene.traffic.live
    with pytest.raises(Refused, match=says):
        begin(scene)
    assert scene.traffic.live == before
    assert scene.cutover is None


def test_start_to_the_active_side_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused, match="blue is active already"):
        start(scene.world, token="t", terms=TERMS, target=BLUE, owner="o")


@pytest.mark.parametrize("step", [10, 50, 100])
def test_alarm_at_any_step_gives_the_source_everything_back(scene: Scene, step: int) -> None:
    begin(scene)
    scene.until(lambda: scene.traffic.live.green == step)
    scene.alarms.names = ("green-5xx",)
    scene.minute()
    assert scene.traffic.live == Weights(100, 0)
    assert scene.register.active_text == "blue"
    assert scene.ended.outcome is Outcome.ROLLED_BACK
    assert scene.ended.reason == "alarm green-5xx rings"


def test_lost_targets_roll_back(scene: Scene) -> None:
    begin(scene)
    scene.traffic.targets[GREEN] = 0
    scene.minute()
    assert scene.traffic.live == Weights(100, 0)


def test_lag_holds_a_step_and_rolls_back_after_the_limit(scene: Scene) -> None:
    begin(scene)
    scene.databases.lag = 60.0
    for _ in range(60):
        scene.minute()
    assert scene.traffic.live == Weights(90, 10)
    for _ in range(15):
        scene.minute()
    assert scene.ended.reason == "replication blue to green lags 60 s, 10 allowed"
    assert scene.traffic.live == Weights(100, 0)


def test_writes_do_not_stand_still_longer_than_the_limit(scene: Scene) -> None:
    begin(scene)
    scene.until(lambda: scene.traffic.live.green == 100)
    scene.databases.stuck = True
    scene.client_writes()
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.CLOSED)
    stopped = scene.clock.now()
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.OPEN)
    assert scene.clock.now() - stopped <= TERMS.freeze_limit + 2 * MINUTE
    assert "changes wait to be applied on green" in scene.ended.reason
    assert scene.traffic.live == Weights(100, 0)
    assert scene.accepted <= scene.databases.rows[BLUE]


def test_measurement_from_before_the_freeze_is_not_dry(scene: Scene) -> None:
    begin(scene)
    scene.until(lambda: scene.traffic.live.green == 100)
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.CLOSED, deliver=False)
    advance(scene.world, owner="tick")
    assert scene.cutover is not None
    assert scene.cutover.phase is Phase.FREEZING
    assert scene.cutover.waiting.startswith("no measurement of replication since the writes stopped")


def test_weights_set_by_hand_roll_back(scene: Scene) -> None:
    begin(scene)
    scene.traffic.live = Weights(0, 100)
    scene.minute()
    assert scene.ended.reason == "someone set the weights to blue 0, green 100, blue 90, green 10 were expected"
    assert scene.traffic.live == Weights(100, 0)


def test_active_environment_set_by_hand_is_set_back(scene: Scene) -> None:
    begin(scene)
    scene.register.active_text = "green"
    scene.minute()
    assert scene.ended.reason == "someone made green active"
    assert (scene.register.active_text, scene.traffic.live) == ("blue", Weights(100, 0))


def test_fence_opened_under_a_freeze_rolls_back(scene: Scene) -> None:
    begin(scene)
    scene.databases.stuck = True
    scene.client_writes()
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.CLOSED)
    scene.databases.set_fence(BLUE, closed=False)
    scene.minute()
    assert scene.ended.reason == "the database of blue was opened for writes again"
    assert scene.register.active_text == "blue"


def test_fence_opened_while_the_source_is_still_active_is_no_way_on(scene: Scene) -> None:
    begin(scene)
    scene.databases.stuck = True
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.CLOSED)
    assert scene.cutover is not None
    promoting = scene.cutover.enter(Phase.PROMOTING, scene.clock.now())
    scene.world.ledger.save(replace(scene.world.ledger.read(), cutover=promoting))
    scene.databases.fences = {BLUE: Fence.OPEN, GREEN: Fence.OPEN}
    scene.client_writes()
    scene.databases.stuck = False
    scene.minute()
    assert scene.ended.outcome is Outcome.ROLLED_BACK
    assert scene.databases.fences[GREEN] is Fence.CLOSED
    assert scene.accepted <= scene.databases.rows[BLUE]


def test_fence_that_waits_for_a_reboot_is_asked_to_close(scene: Scene) -> None:
    scene.databases.fences[GREEN] = Fence.OPENING
    advance(scene.world, owner="tick")
    assert scene.databases.fences[GREEN] is Fence.CLOSED


def test_writes_stand_still_until_the_first_measurement_that_counts(scene: Scene) -> None:
    begin(scene)
    scene.until(lambda: scene.databases.fences[BLUE] is Fence.CLOSED)
    stopped = scene.clock.now()
    scene.until(lambda: scene.register.active_text == "green")
    assert scene.clock.now() - stopped == MINUTE


def test_rollback_waits_for_a_healthy_source(scene: Scene) -> None:
    begin(scene)
    scene.traffic.targets = {BLUE: 0, GREEN: 0}
    scene.minute()
    assert scene.traffic.live == Weights(90, 10)
    assert scene.cutover is not None
    assert scene.cutover.waiting == "blue has no healthy target to go back to"
    scene.traffic.targets[BLUE] = 1
    scene.minute()
    assert scene.traffic.live == Weights(100, 0)


def test_operator_rolls_back_at_any_step(scene: Scene) -> None:
    begin(scene)
    rollback(scene.world, token="r1", terms=TERMS, reason="told to", owner="operator")
    assert scene.traffic.live == Weights(100, 0)
    assert scene.ended.reason == "told to"


def test_rollback_after_completion_is_a_cutover_back(scene: Scene) -> None:
    begin(scene)
    scene.until_idle()
    scene.client_writes()
    rollback(scene.world, token="r1", terms=TERMS, reason="told to", owner="operator")
    assert scene.traffic.live == Weights(100, 0)
    scene.until_idle()
    assert scene.register.active_text == "blue"
    assert scene.accepted <= scene.databases.rows[BLUE]


def test_rollback_after_completion_is_refused_without_a_way_back(scene: Scene) -> None:
    begin(scene)
    scene.until_idle()
    scene.databases.stop_flow(GREEN)
    with pytest.raises(Refused, match="replication green to blue is stopped"):
        rollback(scene.world, token="r1", terms=TERMS, reason="told to", owner="operator")


def test_rollback_settles_weights_set_by_hand(scene: Scene) -> None:
    scene.traffic.live = Weights(1, 1)
    rollback(scene.world, token="r1", terms=TERMS, reason="settle", owner="operator")
    assert scene.traffic.live == Weights(100, 0)


def test_rollback_of_nothing_is_refused(scene: Scene) -> None:
    with pytest.raises(Refused, match="nothing to roll back: blue is active and takes all traffic"):
        rollback(scene.world, token="r1", terms=TERMS, reason="", owner="operator")


def test_idle_run_closes_the_inactive_fence_and_leaves_weights_alone(scene: Scene) -> None:
    scene.databases.fences[GREEN] = Fence.OPEN
    scene.traffic.live = Weights(3, 1)
    advance(scene.world, owner="tick")
    assert scene.databases.fences[GREEN] is Fence.CLOSED
    assert scene.traffic.live == Weights(3, 1)
    assert json.loads(scene.register.status_text) == {"status": "idle", "active": "blue"}


def test_idle_run_with_nothing_to_do_takes_no_lease(scene: Scene) -> None:
    advance(scene.world, owner="tick")
    before = scene.world.ledger.read()
    advance(scene.world, owner="tick")
    assert scene.world.ledger.read() == before


@pytest.mark.parametrize("steps", [(), (10, 50), (50, 50, 100), (0, 100), (100, 50)])
def test_steps_increase_to_100(steps: tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest, match="steps must increase from 1 to 100 and end with 100"):
        replace(TERMS, steps=steps)


def test_shares_sum_to_100() -> None:
    assert share(Environment.GREEN, 10) == Weights(90, 10)
    assert share(Environment.BLUE, 10) == Weights(10, 90)
