from __future__ import annotations

import os
from itertools import count

import pytest

from holdfast.errors import IntegrityError, StoreUnavailable
from holdfast.rehearsal.in_child import in_child
from holdfast.rehearsal.steps import Journal
from holdfast.report.model import Mark, Step


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, name: str) -> None:
        self.said.append(f"begin {name}")

    def update(self, text: str) -> None:
        self.said.append(text)

    def done(self, step: Step) -> None:
        self.said.append(f"done {step.name} in {step.seconds:.0f}")


def test_steps_are_recorded_with_their_times_and_told_as_they_happen() -> None:
    heard = Heard()
    ticks = count(0.0, 2.0)
    journal = Journal(heard, monotonic=lambda: next(ticks))
    with journal.step("first") as step:
        step.update("half")
        step.figures["files"] = 3
        step.says = "3 files"
    assert journal.steps == [Step(name="first", at=2.0, seconds=2.0, figures={"files": 3}, says="3 files")]
    assert heard.said == ["begin first", "half", "done first in 2"]
    assert journal.event("lost", Mark.FAULT) == 6.0


def test_a_step_that_raises_is_recorded_as_not_finished() -> None:
    journal = Journal()

    def deploy() -> None:
        with journal.step("deploy") as step:
            step.says = "1 stack"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy()
    assert journal.steps[0].says == "1 stack, not finished"
    assert journal.current == "deploy"


def fail(message: str) -> None:
    raise IntegrityError(message)


def test_a_child_gives_back_results_and_errors_and_is_gone() -> None:
    assert in_child(os.getpid) != os.getpid()
    with pytest.raises(IntegrityError, match="damaged"):
        in_child(fail, "damaged")
    with pytest.raises(StoreUnavailable, match="status 3"):
        in_child(os._exit, 3)
