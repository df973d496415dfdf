"""Crashes between any two calls, movers that overtake each other, and a world that changes: what always holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from hypothesis import event, given, settings
from hypothesis import strategies as st

from holdfast.cutover.move import LEASE, advance, rollback, start
from holdfast.cutover.ports import Fence, FlowStatus, World
from holdfast.cutover.state import Environment, Terms, Weights
from holdfast.cutover.status import published
from holdfast.errors import Conflict, Refused
from tests.support.cutover import BLUE, GREEN, Scene

TERMS = Terms(steps=(20, 100), bake=timedelta(minutes=2), hold_limit=timedelta(minutes=4))
CALLS_OF_A_RUN = 60


class Crash(BaseException):
    """The process is gone."""


class Process:
    """A world whose process dies at its n-th call, before or after the call is carried out; None: it lives."""

    def __init__(self, world: World, at: int | None, *, after: bool) -> None:
        self._left, self._after, self.dead = at, after, False
        ports = {
            name: _Port(self, getattr(world, name)) for name in ("traffic", "databases", "alarms", "register", "ledger")
        }
        self.world = World(**cast(Any, ports), clock=world.clock)

    def call(self, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self.dead:
            raise Crash
        self.dead = self._left == 0
        self._left = None if self._left is None else self._left - 1
        if self.dead and not self._after:
            raise Crash
        answer = call(*args, **named)
        if self.dead:
            raise Crash
        return answer


class _Port:
    def __init__(self, process: Process, port: object) -> None:
        self._process, self._port = process, port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **named: self._process.call(getattr(self._port, name), *args, **named)


class Checked(Scene):
    """A scene that looks at every write of weights, and of fences."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign = False
        self.deployed = False
        shift, fence = self.traffic.set_weights, self.databases.set_fence

        def set_weights(weights: Weights) -> None:
            assert weights.blue + weights.green == 100
            for side in Environment:
                gained = weights.of(side) > self.traffic.live.of(side)
                assert not gained or self.traffic.targets[side], f"{weights} with {self.traffic.targets}"
            shift(weights)

        def set_fence(environment: Environment, *, closed: bool) -> None:
            fence(environment, closed=closed)
            both_open = all(self.databases.fences[side] is Fence.OPEN for side in Environment)
            assert closed or not both_open or self.deployed

        self.traffic.set_weights = set_weights  # type: ignore[method-assign]
        self.databases.set_fence = set_fence  # type: ignore[method-assign]

    def run(self, verb: Callable[[World], object], at: int | None = None, *, after: bool = False) -> None:
        self.clock.sleep(60)
        try:
            verb(Process(self.world, at, after=after).world)
        except (Crash, Conflict, Refused) as outcome:
            event(type(outcome).__name__)

    def overtaken(self) -> None:
        """A run is paused at its first look for longer than its lease, and another one overtakes it."""

        def overtake() -> None:
            self.on_look = lambda: None
            self.clock.sleep(LEASE.total_seconds() + 1)
            self.run(tick)
            writes.extend([self.traffic.live, self.register.active_text])

        writes: list[object] = []
        self.on_look = overtake
        self.run(tick)
        self.on_look = lambda: None
        assert writes in ([], [self.traffic.live, self.register.active_text])

    def happen(self, what: str) -> None:
        if what == "deliver":
            self.databases.deliver()
        elif what == "measure":
            self.databases.measure()
        elif what == "write":
            self.client_writes()
        elif what == "stray write":
            self.stray_write()
        elif what == "green loses targets":
            self.traffic.targets[GREEN] = 0
        elif what == "blue loses targets":
            self.traffic.targets[BLUE] = 0
        elif what == "alarm":
            self.alarms.names = ("green-5xx",)
        elif what == "well":
            self.heal()
        elif what == "flow fails":
            self.databases.flows[BLUE] = FlowStatus.FAILED
        elif what == "weights by hand":
            self.traffic.live, self.foreign = Weights(60, 40), True
        elif what == "deployment":
            self.databases.fences, self.deployed = dict.fromkeys(Environment, Fence.OPEN), True

    def stray_write(self) -> None:
        """A client with an old parameter in its pocket writes to either side."""
        row = -1 - len(self.accepted)
        for side in Environment:
            if self.databases.write(side, row):
                self.accepted.add(row)
                break

    def heal(self) -> None:
        self.traffic.targets = dict.fromkeys(Environment, 2)
        self.alarms.names = ()
        if self.databases.flows[BLUE] is FlowStatus.FAILED:
            self.databases.flows[BLUE] = FlowStatus.RUNNING

    def finish(self) -> None:
        """Everything is well again: the cutover ends, and world and record agree."""
        self.heal()
        for _ in range(60):
            self.clock.sleep(60)
            self.databases.deliver()
            self.run(tick)
            if self.cutover is None:
                break
        assert self.cutover is None
        self.clock.sleep(LEASE.total_seconds())
        self.run(tick)
        active = self.register.active()
        assert self.register.status() == published(self.world.ledger.read(), active)
        assert self.databases.fences[active] is Fence.OPEN
        assert self.databases.fences[active.other] is Fence.CLOSED
        assert self.foreign or self.traffic.live.settled_on(active)
        assert self.accepted <= self.databases.rows[active]


def tick(world: World) -> object:
    return advance(world, owner="tick")


def begin(world: World) -> object:
    return start(world, token="t1", terms=TERMS, owner="operator")


def begin_again(world: World) -> object:
    return start(world, token="t2", terms=TERMS, owner="other operator")


def back(world: World) -> object:
    return rollback(world, token="r1", terms=TERMS, reason="told to", owner="operator")


VERBS = st.sampled_from([tick, tick, tick, begin, begin_again, back])
CRASHES = st.one_of(st.none(), st.tuples(st.integers(0, CALLS_OF_A_RUN), st.booleans()))
RUNS = st.tuples(VERBS, CRASHES)
USUAL = [
    "deliver",
    "deliver",
    "measure",
    "write",
    "write",
    "green loses targets",
    "blue loses targets",
    "alarm",
    "well",
    "flow fails",
]


def play(scene: Checked, minutes: int, stuck: bool, script: list[object]) -> None:
    """A cutover goes well for so many minutes, or as far as the freeze if replication sticks; then this happens."""
    scene.run(begin)
    for _ in range(minutes):
        scene.client_writes()
        (scene.databases.measure if stuck else scene.databases.deliver)()
        scene.run(tick)
    for one in script:
        if isinstance(one, str):
            scene.overtaken() if one == "overtaken" else scene.happen(one)
        else:
            verb, crash = cast(tuple[Callable[[World], object], tuple[int, bool] | None], one)
            scene.run(verb, *(() if crash is None else (crash[0],)), after=bool(crash and crash[1]))
    scene.finish()


def scripts(*more: str) -> st.SearchStrategy[list[object]]:
    return st.lists(st.one_of(RUNS, st.sampled_from([*USUAL, *more])), max_size=25)


MINUTES = st.integers(0, 8)
STUCK = st.booleans()


@settings(max_examples=400)
@given(MINUTES, STUCK, scripts("stray write", "stray write", "overtaken", "overtaken"))
def test_crash_anywhere_leaves_one_history_and_ends(minutes: int, stuck: bool, script: list[object]) -> None:
    play(Checked(), minutes, stuck, script)


@settings(max_examples=400)
@given(MINUTES, STUCK, scripts("deployment", "deployment", "weights by hand"))
def test_deployments_and_hands_between_runs_lose_no_write_of_a_client_that_reads_the_parameter(
    minutes: int, stuck: bool, script: list[object]
) -> None:
    play(Checked(), minutes, stuck, script)


@given(st.integers(0, 400), st.booleans())
def test_cutover_completes_whichever_call_its_process_dies_at(call: int, after: bool) -> None:
    scene, left = Checked(), call
    scene.run(begin)
    for _ in range(60):
        scene.databases.deliver()
        scene.client_writes()
        process = Process(scene.world, left, after=after)
        scene.clock.sleep(60)
        try:
            tick(process.world)
        except (Crash, Conflict):
            event("crashed")
        left = 10**6 if process.dead else max(process._left or 0, 0)
    assert scene.register.active() is GREEN
    assert json.loads(scene.register.status_text)["last"]["outcome"] == "completed"
    scene.finish()
