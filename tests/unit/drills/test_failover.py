from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from holdfast.drills.failover import ClusterState, drill_failover
from holdfast.drills.measured import Drill, as_json, held
from holdfast.errors import Conflict, InvalidRequest
from tests.support.clocks import FakeClock

BEFORE = ClusterState(status="available", writer="one", readers=("two",))


@dataclass
class Scripted:
    """A cluster that moves its writer after `moves` seconds and answers again after `answers_after`."""

    clock: FakeClock
    moves: float = 10.0
    answers_after: float = 15.0
    probed: bool = True
    before: ClusterState = BEFORE
    name: str = "cluster"
    asked: float | None = None

    def _since(self) -> float:
        return -1.0 if self.asked is None else self.clock.now().timestamp() - self.asked

    def state(self) -> ClusterState:
        if self._since() < self.moves:
            return self.before if self.asked is None else replace(self.before, status="failing-over")
        return replace(self.before, writer="two", readers=("one",))

    def fail_over(self) -> None:
        self.asked = self.clock.now().timestamp()

    def answers(self) -> bool | None:
        return not 0 <= self._since() < self.answers_after if self.probed else None


def drilled(cluster: Scripted) -> Drill:
    return drill_failover(cluster, clock=cluster.clock, monotonic=lambda: cluster.clock.now().timestamp())


def test_failover_lasts_until_the_new_writer_answers() -> None:
    drill = drilled(Scripted(FakeClock()))
    assert [(one.name, one.took) for one in drill.measured] == [("failover", timedelta(seconds=15))]
    assert drill.figures == {"seconds": 15.0, "silent_seconds": 14.5}
    assert "two was the writer in place of one" in drill.measured[0].how


def test_without_a_probe_the_writer_decides_alone() -> None:
    drill = drilled(Scripted(FakeClock(), probed=False))
    assert drill.measured[0].took == timedelta(seconds=10)
    assert "was not tried" in drill.measured[0].how


def test_a_cluster_that_does_not_move_fails_the_drill() -> None:
    drill = drilled(Scripted(FakeClock(), moves=10_000))
    assert (drill.measured, len(drill.problems)) == ((), 1)
    assert not held(drill, {})


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        (ClusterState(status="available", writer="one", readers=()), InvalidRequest, "no reader"),
        (ClusterState(status="modifying", writer="one", readers=("two",)), Conflict, "is modifying"),
    ],
)
def test_a_cluster_that_cannot_fail_over_is_left_alone(state: ClusterState, error: type[Exception], told: str) -> None:
    cluster = Scripted(FakeClock(), before=state)
    with pytest.raises(error, match=told):
        drilled(cluster)
    assert cluster.asked is None


@pytest.mark.parametrize(("promised", "met"), [(14, False), (15, True), (None, None)])
def test_promise_is_kept_up_to_its_very_second(promised: int | None, met: bool | None) -> None:
    drill = drilled(Scripted(FakeClock()))
    limits = {"failover": None if promised is None else timedelta(seconds=promised)}
    told = as_json(drill, limits)
    assert told["promises"][0]["met"] is met
    assert told["ok"] is held(drill, limits) is (met is not False)
