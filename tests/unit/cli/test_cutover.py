"""The verb `cutover`, on a world of memory."""

from __future__ import annotations

import json

import pytest

from holdfast.cli import cutover as verb
from holdfast.cli.main import run
from holdfast.cutover.find import Found
from holdfast.cutover.state import Terms, Weights
from holdfast.errors import ExitStatus
from tests.support.cutover import BLUE, GREEN, Scene


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene()
    monkeypatch.setattr(verb, "_found", lambda stack, region: Found(world=made.world, terms=Terms()))

    def sleep(seconds: float) -> None:
        made.clock.sleep(seconds)
        made.databases.deliver()

    monkeypatch.setattr("time.sleep", sleep)
    return made


def test_status_shows_both_sides(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cutover", "status", "stack"]) == ExitStatus.DONE
    assert capsys.readouterr().out == (
        "blue is active; idle\n"
        "side   weight  healthy  writes\n"
        "blue   100     2        yes\n"
        "green  0       2        no\n"
        "replication blue-to-green: running, 0 s behind\n"
        "replication green-to-blue: stopped\n"
    )


def test_plan_says_what_is_left_to_people(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cutover", "plan", "stack"]) == ExitStatus.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "blue to green: 10 %, 50 %, 100 %, 10 min each, 30 min at least; then writes stop for at most 10 min"
    )
    assert lines[1] == "by hand:"
    assert any("CONNECTION_ADMIN" in line for line in lines)


def test_plan_that_would_be_refused_is_status_1(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.traffic.targets[GREEN] = 0
    assert run(["cutover", "plan", "stack", "--output", "json"]) == ExitStatus.ANSWER_IS_NO
    told = json.loads(capsys.readouterr().out)
    assert told["refused_because"] == ["green has 0 healthy targets, 1 wanted"]
    assert scene.traffic.live == Weights(100, 0)


def test_refused_start_is_one_line_and_status_1(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.traffic.targets[GREEN] = 0
    assert run(["cutover", "start", "stack"]) == ExitStatus.ANSWER_IS_NO
    assert capsys.readouterr().err == "holdfast: no cutover to green: green has 0 healthy targets, 1 wanted\n"


def test_second_start_is_status_6(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cutover", "start", "stack", "--token", "a"]) == ExitStatus.DONE
    assert run(["cutover", "start", "stack", "--token", "a"]) == ExitStatus.DONE
    assert run(["cutover", "start", "stack", "--token", "b"]) == ExitStatus.BUSY
    assert "a cutover from blue to green is shifting since" in capsys.readouterr().err


def test_start_waits_for_the_end(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cutover", "start", "stack", "--to", "green", "--wait", "--output", "json"]) == ExitStatus.DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["active"], told["weights"]) == ("green", {"blue": 0, "green": 100})


def test_start_that_is_rolled_back_is_status_1(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.clock.sleep(1)
    run(["cutover", "start", "stack", "--token", "a"])
    scene.alarms.names = ("green-5xx",)
    assert run(["cutover", "start", "stack", "--token", "a", "--wait"]) == ExitStatus.ANSWER_IS_NO
    assert "alarm green-5xx rings" in capsys.readouterr().out


def test_rollback_gives_the_source_everything_back(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    run(["cutover", "start", "stack"])
    assert run(["cutover", "rollback", "stack", "--reason", "no good"]) == ExitStatus.DONE
    assert scene.traffic.live == Weights(100, 0)
    assert "rolled-back" in capsys.readouterr().out
    assert scene.register.active() is BLUE
