"""Writers, forgetters and pruners against each other, in every small order and in many large ones.

The jobs are the real ones, over stores in memory whose every call, and every row of a change that need not be atomic,
is a point where another job may go first. `Broken` says that an acknowledged snapshot lacks a chunk.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from holdfast.backup import compact, resume, writer
from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Ledger, PackKind, PackState
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository
from holdfast.backup.resume import bytes_noted
from holdfast.errors import IntegrityError
from tests.support.clocks import FakeClock
from tests.support.faults import Killed
from tests.support.model import AFTER_EVERY_FILE, NEVER, Broken, Rewire, World, files, run, same, with_ledger
from tests.support.schedule import by_priority, with_switches
from tests.support.stepwise import StepwiseCatalogue

Jobs = dict[str, Callable[[Repository], Any]]
Case = Callable[[], tuple[World, Jobs]]
Switches = tuple[tuple[int, str], ...]
RANDOM_RUNS = 150


@pytest.fixture(autouse=True)
def _notes_of_the_dead_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """To drop what was noted is the harder case; one test keeps it."""
    monkeypatch.setattr(resume, "NOTES_KEPT", timedelta(0))


@pytest.fixture(autouse=True)
def _compaction_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """These packs are tiny: let none be too small to be rewritten, and no chunk too small for a block of its own."""
    monkeypatch.setattr(compact, "SMALL_SHARE", 0.0)
    monkeypatch.setattr(writer, "SOLID_BYTES", dict.fromkeys(PackKind, 0))


def world() -> World:
    return World(itertools.count(1))


def deduplicating_against_the_dead() -> tuple[World, Jobs]:
    """Bob stores what only a forgotten snapshot of Ann holds, while it is collected."""
    one = world()
    first = one.back_up("abc")
    assert first
    one.forget([first])
    return one, {
        "bob": lambda ports: one.back_up("ab", user="bob", through=ports),
        "prune": lambda ports: one.prune(through=ports),
    }


def deduplicating_against_the_condemned() -> tuple[World, Jobs]:
    """As before, but an earlier prune has condemned it and a session kept it from going on."""
    one = world()
    first = one.back_up("abc")
    assert first
    one.forget([first])
    run(
        one,
        {
            "carol": lambda ports: one.back_up("x", user="carol", through=ports),
            "prune": lambda ports: one.prune(through=ports),
        },
        with_switches(["carol", "prune"], [(6, "prune")]),
    )
    return one, {
        "bob": lambda ports: one.back_up("ab", user="bob", through=ports),
        "prune": lambda ports: one.prune(through=ports),
    }


def reusing_a_parent_that_is_forgotten() -> tuple[World, Jobs]:
    """Ann's second backup takes all from her first, which is forgotten and collected meanwhile."""
    one = world()
    first = one.back_up("abc")
    assert first
    return one, {
        "ann": lambda ports: one.back_up("abc", through=ports),
        "forget": lambda ports: one.forget([first], through=ports),
        "prune": lambda ports: one.prune(through=ports),
    }


def reusing_a_parent_in_condemned_packs() -> tuple[World, Jobs]:
    """Ann's first backup found its chunks in a pack that was condemned before it committed."""
    one, first = next(filter(None, map(_parent_in_condemned_packs, range(2, 40))))

    def forget_and_prune(ports: Repository) -> None:
        one.forget([first], through=ports)
        one.prune(through=ports)

    return one, {"ann": lambda ports: one.back_up("abc", through=ports), "prune": forget_and_prune}


def _parent_in_condemned_packs(moment: int) -> tuple[World, SnapshotId] | None:
    """Forget and collect what Ann deduplicates against, `moment` steps after she began; None if that was too soon."""
    one = world()
    old = one.back_up("abc", user="bob")
    assert old
    made: list[SnapshotId | None] = []
    run(
        one,
        {
            "ann": lambda ports: made.append(one.back_up("abc", through=ports)),
            "forget": lambda ports: one.forget([old], through=ports),
            "prune": lambda ports: one.prune(through=ports),
        },
        with_switches(["ann", "forget", "prune"], [(moment, "forget"), (moment + 2, "prune")]),
    )
    (first,) = made
    if first is None:
        return None
    found = one.references(first)
    lie_condemned = len(one.repository.index.usable(found)) < len(one.repository.index.readable(found))
    return (one, first) if lie_condemned else None


def compacting_what_is_being_used() -> tuple[World, Jobs]:
    """A pack that is mostly dead is rewritten while Bob deduplicates against its dead half."""
    one = world()
    first, _second = one.back_up("abcdefgh"), one.back_up("a", user="carol")
    assert first
    one.forget([first])
    return one, {
        "bob": lambda ports: one.back_up("agh", user="bob", through=ports),
        "prune": lambda ports: one.prune(through=ports),
    }


def two_prunes_at_once() -> tuple[World, Jobs]:
    """The exclusion of prunes is for economy: here both believe to hold it."""
    one = world()
    first = one.back_up("abc")
    assert first
    one.forget([first])
    return one, {
        "bob": lambda ports: one.back_up("ab", user="bob", through=ports),
        "prune 1": lambda ports: one.prune("1", through=ports),
        "prune 2": lambda ports: one.prune("2", through=ports),
    }


def going_on_with_the_dead() -> tuple[World, Jobs]:
    """Ann's backup was killed between two checkpoints and its lease ended; its retry meets a prune."""
    one = World(itertools.count(1), checkpoints=AFTER_EVERY_FILE)
    run(one, {"ann": lambda ports: one.back_up("abc", through=ports._replace(ledger=Dying(ports.ledger)))}, by_name)
    one.clock.sleep(3600)
    return one, {
        "ann": lambda ports: one.back_up("abcd", through=ports),
        "prune": lambda ports: one.prune(through=ports),
    }


def going_on_with_the_condemned() -> tuple[World, Jobs]:
    """As before, but an earlier prune has condemned what was noted and a session kept it from going on.

    The retry knows its attempt by id, as the vault's worker does: prune has taken the record off the list.
    """
    one, jobs = going_on_with_the_dead()
    (killed,) = one.repository.ledger.active()
    run(
        one,
        {"carol": lambda ports: one.back_up("x", user="carol", through=ports), "prune": jobs["prune"]},
        with_switches(["carol", "prune"], [(9, "prune")]),
    )
    assert [row for row in one.repository.index.packs() if row.state is PackState.CONDEMNED]
    return one, {**jobs, "ann": lambda ports: one.back_up("abcd", through=ports, resume=killed.id)}


def going_on_with_the_living() -> tuple[World, Jobs]:
    """Two backups of Ann at once, one of them goes on with what the other notes; that one may be fenced meanwhile."""
    one = World(itertools.count(1), checkpoints=AFTER_EVERY_FILE)

    def prune_late(ports: Repository) -> None:
        one.clock.sleep(3600)
        one.prune(through=ports)

    return one, {
        "ann": lambda ports: one.back_up("ab", through=ports),
        "ann again": lambda ports: one.back_up("ab", through=ports),
        "prune": prune_late,
    }


def fencing_the_living() -> tuple[World, Jobs]:
    """The machine that prunes has a clock two hours ahead: to it every lease ended long ago."""
    one = world()
    first = one.back_up("abc")
    assert first
    one.forget([first])
    ahead = FakeClock(one.clock.now() + timedelta(hours=2), step=timedelta(milliseconds=1))
    return one, {
        "ann": lambda ports: one.back_up("ab", through=ports),
        "prune": lambda ports: one.prune(through=ports._replace(clock=ahead)),
    }


def by_name(waiting: Sequence[str], _: str | None) -> str:
    return min(waiting)


CASES: list[Case] = [
    deduplicating_against_the_dead,
    deduplicating_against_the_condemned,
    reusing_a_parent_that_is_forgotten,
    reusing_a_parent_in_condemned_packs,
    compacting_what_is_being_used,
    going_on_with_the_dead,
    going_on_with_the_condemned,
    going_on_with_the_living,
    fencing_the_living,
]


class Lying:
    """A port one of whose methods is another."""

    def __init__(self, port: Any, **methods: Callable[..., Any]) -> None:
        self._port = port
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._port, name)


class Dying:
    """A ledger whose user is killed when it has noted two files."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._notes = 0

    def __getattr__(self, name: str) -> Any:
        if self._notes == 2:
            raise Killed
        return getattr(self._ledger, name)

    def heartbeat(self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, Any] | None = None) -> None:
        self._ledger.heartbeat(id_, lease_until, figures)
        self._notes += figures is not None
        if self._notes == 2:
            raise Killed


unlocked = with_ledger(lambda ledger: Lying(ledger, lock=lambda *_: None, unlock=lambda *_: None))
without_waiting = with_ledger(lambda ledger: Lying(ledger, active=list))
without_parents = with_ledger(
    lambda ledger: Lying(ledger, active=lambda: [record._replace(parent=None) for record in ledger.active()])
)


def explore(case: Case, depth: int, rewire: Rewire = same, *, share: float = 1.0) -> int:
    """Run the jobs in every order with every way to switch up to `depth` times from one to another.

    Of the orders with the most switches a random `share` is run. Returns how many runs that were; raises Broken at
    the first that breaks a snapshot.
    """
    random = Random(case.__name__)
    _, jobs = case()
    pending: list[tuple[tuple[str, ...], Switches]] = [(order, ()) for order in itertools.permutations(jobs)]
    runs = 0
    while pending:
        order, switches = pending.pop()
        trace = _run_one(case, order, switches, rewire)
        runs += 1
        if len(switches) < depth:
            further = list(_further(trace, jobs, switches))
            if len(switches) + 1 == depth:
                further = random.sample(further, math.ceil(share * len(further)))
            pending += [(order, each) for each in further]
    return runs


def _run_one(case: Case, order: tuple[str, ...], switches: Switches, rewire: Rewire) -> list[str]:
    one, jobs = case()
    try:
        trace = run(one, jobs, with_switches(order, switches), rewire=rewire).trace
        one.check()
        one.prune("after")
        one.check()
    except BaseException as error:
        error.add_note(f"order {order}, switches {switches}")
        raise
    return trace


def _further(trace: list[str], jobs: Iterable[str], switches: Switches) -> Iterator[Switches]:
    """Yield each switch, later than the last, to a job that is not at its end and not the one that runs anyway."""
    start = switches[-1][0] + 1 if switches else 2
    for moment in range(start, len(trace) + 1):
        for name in jobs:
            if name != trace[moment - 1] and name in trace[moment:]:
                yield (*switches, (moment, name))


@pytest.fixture(params=[False, True], ids=["the pack LIVE first", "its rows first"])
def _either_order_of_publishing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepwiseCatalogue, "rows_first", request.param)


@pytest.mark.usefixtures("_either_order_of_publishing")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_no_order_with_one_switch_breaks_an_acknowledged_snapshot(case: Case) -> None:
    assert explore(case, 1) > 50


def test_what_a_killed_backup_noted_is_taken_over() -> None:
    one, jobs = going_on_with_the_dead()
    (record,) = one.repository.ledger.active()
    assert bytes_noted(record) == 2 * sum(map(len, files("a")[b"a"].contents))
    run(one, {"ann": jobs["ann"]}, by_name)
    assert one.taken_over == bytes_noted(record)
    one.check()


@pytest.mark.parametrize("case", [going_on_with_the_dead, going_on_with_the_living])
def test_no_order_breaks_a_snapshot_while_notes_of_the_dead_are_kept(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "NOTES_KEPT", timedelta(days=7))
    assert explore(case, 1) > 50


def test_a_prune_of_the_compaction_case_rewrites() -> None:
    one, _ = compacting_what_is_being_used()
    assert prune(one.repository, owner="test").packs_rewritten > 0


def test_no_order_breaks_a_snapshot_while_blocks_with_dead_chunks_are_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight files share one block, of which Carol keeps one file alive and Bob comes to refer to three."""
    monkeypatch.setattr(writer, "SOLID_BYTES", dict.fromkeys(PackKind, 1 << 20))
    one, _ = compacting_what_is_being_used()
    assert 0 < prune(one.repository, owner="test").bytes_copied < 2 * len(files("a")[b"a"].contents[0])
    assert explore(compacting_what_is_being_used, 1) > 50
    assert explore(compacting_what_is_being_used, 2, share=0.1) > 100
    with pytest.raises(Broken):
        explore(compacting_what_is_being_used, 1, without_waiting)


def test_no_order_of_two_prunes_breaks_a_snapshot_even_without_their_lock() -> None:
    assert explore(two_prunes_at_once, 1, unlocked) > 200


def test_no_order_with_two_switches_breaks_a_deduplicated_snapshot() -> None:
    assert explore(deduplicating_against_the_condemned, 2, share=0.2) > 300


@pytest.mark.parametrize(
    ("case", "broken"),
    [
        (deduplicating_against_the_dead, without_waiting),
        (compacting_what_is_being_used, without_waiting),
        (reusing_a_parent_in_condemned_packs, without_parents),
    ],
    ids=["deleting at once", "deleting what was copied at once", "clearing a parent at work"],
)
def test_a_prune_that_leaves_out_a_rule_is_caught(case: Case, broken: Rewire) -> None:
    with pytest.raises(Broken):
        explore(case, 1, broken)


def test_a_writer_that_uses_condemned_packs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepwiseCatalogue, "usable", StepwiseCatalogue.readable)
    with pytest.raises(Broken):
        explore(deduplicating_against_the_condemned, 1)


def test_a_writer_that_takes_notes_over_without_looking_them_up_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "all_usable", lambda repository, roots: True)
    with pytest.raises((Broken, IntegrityError)):  # a prune that runs beside may be the first to see it
        explore(going_on_with_the_condemned, 1)


def test_notes_that_lead_to_what_is_not_published_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is noted too early is dropped by who looks it up: no snapshot breaks, and nothing is taken over."""
    monkeypatch.setattr(writer.ChunkWriter, "flush", lambda self: None)
    one, jobs = going_on_with_the_dead()
    monkeypatch.undo()
    run(one, {"ann": jobs["ann"]}, by_name)
    assert one.taken_over == 0
    one.check()


def a_large_world(random: Random) -> tuple[World, Jobs]:
    """Several users, who back up twice; snapshots are forgotten, prunes overlap, and leases end."""
    one = World(itertools.count(1), checkpoints=random.choice([NEVER, AFTER_EVERY_FILE]))
    one.catalogue.rows_first = random.choice([False, True])
    letters = "abcdefgh"

    def text() -> str:
        return "".join(sorted(random.sample(letters, random.randint(1, 4))))

    for name in ("ann", "bob"):
        one.back_up(text(), user=name)

    def user(name: str) -> Callable[[Repository], None]:
        texts = [text(), text()]

        def work(ports: Repository) -> None:
            for each in texts:
                one.back_up(each, user=name, through=ports)

        return work

    def pruner(owner: str) -> Callable[[Repository], None]:
        def work(ports: Repository) -> None:
            for _ in range(2):
                one.prune(owner, through=ports)

        return work

    def forget(ports: Repository) -> None:
        for _ in range(2):
            one.forget_all_but_newest(through=ports)

    def pass_time(ports: Repository) -> None:
        for _ in range(4):
            ports.ledger.epoch()  # a step, so that others may go on first
            one.clock.sleep(random.choice([1, 600, 1200]))

    jobs: Jobs = {name: user(name) for name in ("ann", "bob", "carol")}
    jobs["ann again"] = user("ann")
    jobs["forget"] = forget
    jobs["time"] = pass_time
    jobs |= {f"prune {owner}": pruner(owner) for owner in ("1", "2")}
    return one, jobs


def random_run(seed: int, rewire: Rewire = unlocked) -> None:
    random = Random(seed)
    one, jobs = a_large_world(random)
    kill = (random.choice(list(jobs)), random.randint(1, 60)) if random.random() < 0.5 else None
    run(one, jobs, by_priority(random, list(jobs), changes=random.randint(1, 12), steps=300), rewire=rewire, kill=kill)
    one.check()
    one.settle()
    one.check()
    one.forget([record.id for record in one.repository.ledger.completed()])
    one.settle()
    assert one.stored_packs() == 0
    assert list(one.repository.index.packs()) == []


@pytest.mark.parametrize("block", range(4))
def test_no_random_order_with_stalls_kills_and_two_prunes_breaks_a_snapshot_or_leaks_a_pack(block: int) -> None:
    for seed in range(block * RANDOM_RUNS, (block + 1) * RANDOM_RUNS):
        try:
            random_run(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
