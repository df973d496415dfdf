"""What the switch function answers, on a world of memory."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from holdfast.cutover.environment import terms_of
from holdfast.cutover.handler import run
from holdfast.cutover.move import LEASE
from holdfast.cutover.state import Terms, Weights
from holdfast.errors import InvalidRequest
from tests.support.cutover import GREEN, Scene

TERMS = Terms(bake=timedelta(minutes=1))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def ask(scene: Scene, **event: Any) -> dict[str, Any]:
    return run(event, scene.world, TERMS, invocation="i-1", namespace="Test")


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (found,) = [line for line in lines if "_aws" in line]
    return {name: found[name] for name in ("GreenWeight", "UnderWay", "Completed", "RolledBack")}


def test_schedule_s_event_advances_and_counts(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(scene)["status"] == "idle"
    assert metrics(capsys) == {"GreenWeight": 0, "UnderWay": 0, "Completed": 0, "RolledBack": 0}


def test_start_without_a_token_is_named_by_its_invocation(scene: Scene) -> None:
    assert ask(scene, action="start")["cutover"]["token"] == "i-1"
    assert scene.traffic.live == Weights(90, 10)


def test_rollback_is_counted_once(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    ask(scene, action="start", token="t")
    scene.alarms.names = ("green-5xx",)
    capsys.readouterr()
    ask(scene)
    assert metrics(capsys)["RolledBack"] == 1
    scene.clock.sleep(60)
    ask(scene)
    assert metrics(capsys)["RolledBack"] == 0


def test_refusal_is_an_answer_and_no_failure(scene: Scene) -> None:
    scene.traffic.targets[GREEN] = 0
    assert ask(scene, action="start") == {"refused": "no cutover to green: green has 0 healthy targets, 1 wanted"}


def test_held_lease_is_an_answer_and_no_failure(scene: Scene) -> None:
    now = scene.clock.now()
    scene.world.ledger.acquire("someone", now=now, until=now + LEASE)
    assert ask(scene, action="start")["busy"].startswith("someone is moving until")


def test_plan_and_status_change_nothing(scene: Scene) -> None:
    before = scene.world.ledger.read()
    assert ask(scene, action="plan")["to"] == "green"
    assert ask(scene, action="status")["active"] == "blue"
    assert scene.world.ledger.read() == before


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"action": "jump"}, "action must be one of advance, start, rollback, status, plan, got 'jump'"),
        ({"action": "start", "target": "red"}, "target must be blue or green, got 'red'"),
    ],
)
def test_unknown_words_are_refused_by_name(scene: Scene, event: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        ask(scene, **event)


def test_missing_or_wrong_variable_is_named() -> None:
    with pytest.raises(InvalidRequest, match="HOLDFAST_CUTOVER_STEPS is not set"):
        terms_of({})
    with pytest.raises(InvalidRequest, match="HOLDFAST_CUTOVER_STEPS must hold whole numbers, got 'ten'"):
        terms_of({"HOLDFAST_CUTOVER_STEPS": "ten,100"})
