from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from holdfast.platforms.promises import Promise as Derived
from holdfast.rehearsal.measure_promises import Facts, Recovery, Upkeep, verdicts
from holdfast.rehearsal.measure_recovery import Exposure, Lost
from holdfast.report.model import Evidence, Promise
from holdfast.settings.promises import Promises

DERIVED = [
    Derived(name="rpo", promised="24h", value="16 h", evidence="derived", met=True, sum="12 h + 4 h = 16 h"),
    Derived(name="rto", promised="2h", value="not known", evidence="unproven", met=None, sum="depends on the volume"),
    Derived(name="retention", promised="60d", value="60d", evidence="derived", met=True, sum="no rule expires packs"),
    Derived(name="availability", promised="99.9%", value="99.99%", evidence="derived", met=True, sum="two regions"),
    Derived(name="users", promised="1000", value="2880", evidence="derived", met=True, sum="288 rounds x 10"),
]
NO_LOSS = Exposure(lost_acknowledged=[], lost_unacknowledged=[], users_behind=0, window_seconds=0.0)
RECOVERY = Recovery(
    region="us-east-1", seconds=24.0, users=1000, files=8000, bytes=10**8, differences=0, exposure=NO_LOSS,
    lag_slowest_seconds=2.5,
)  # fmt: skip
UPKEEP = Upkeep(forgotten=1000, kept=1500, forgotten_too_young=0, kept_too_old=0, verified=True, packs_removed=9)
FACTS = Facts(users_backed_up=1000, backup_seconds=40.0, recovery=RECOVERY, upkeep=UPKEEP)


def by_name(facts: Facts) -> dict[str, Promise]:
    return {promise.name: promise for promise in verdicts(DERIVED, Promises(), facts)}


def test_a_whole_run_measures_all_but_availability() -> None:
    found = by_name(FACTS)
    assert {name: promise.evidence for name, promise in found.items()} == {
        "rpo": Evidence.MEASURED,
        "rto": Evidence.MEASURED,
        "retention": Evidence.MEASURED,
        "availability": Evidence.DERIVED,
        "users": Evidence.MEASURED,
    }
    assert all(promise.met for promise in found.values())


def test_a_run_that_measured_nothing_leaves_what_was_derived() -> None:
    found = by_name(Facts())
    assert [(one.evidence, one.met, one.value) for one in found.values()] == [
        (one.evidence, one.met, one.value) for one in DERIVED
    ]


def test_what_a_measurement_does_not_show_is_said() -> None:
    found = by_name(FACTS)
    assert "not waited for" in found["rpo"].partly
    assert "12 h + 4 h = 16 h" in found["rpo"].partly
    assert "extrapolated nowhere" in found["rto"].partly
    assert "1000" in by_name(Facts(users_backed_up=20, backup_seconds=1.0))["users"].partly


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("rto", dataclasses.replace(FACTS, recovery=dataclasses.replace(RECOVERY, seconds=7201.0))),
        ("rto", dataclasses.replace(FACTS, recovery=dataclasses.replace(RECOVERY, differences=1))),
        ("retention", dataclasses.replace(FACTS, upkeep=dataclasses.replace(UPKEEP, forgotten_too_young=1))),
        ("retention", dataclasses.replace(FACTS, upkeep=dataclasses.replace(UPKEEP, kept_too_old=1))),
        ("retention", dataclasses.replace(FACTS, upkeep=dataclasses.replace(UPKEEP, verified=False))),
    ],
)
def test_a_measurement_beyond_the_promise_breaks_it(name: str, facts: Facts) -> None:
    found = by_name(facts)
    assert [promise.name for promise in found.values() if promise.met is False] == [name]


def test_loss_older_than_the_rpo_breaks_it_and_names_what_was_acknowledged() -> None:
    lost = Lost(user="ann", path="f", size=7, age=3.0, acknowledged=True)
    cost = dataclasses.replace(NO_LOSS, lost_acknowledged=[lost], window_seconds=30.0)
    facts = dataclasses.replace(FACTS, recovery=dataclasses.replace(RECOVERY, exposure=cost))
    found = by_name(facts)["rpo"]
    assert found.met is True
    assert found.value == "30 s, 1 acknowledged version lost"
    assert "the oldest acknowledged 3.0 s before" in found.how
    tight = Promises(rpo=timedelta(seconds=20))
    assert next(one for one in verdicts(DERIVED, tight, facts) if one.name == "rpo").met is False


def test_a_derived_no_is_never_measured_away() -> None:
    broken = [dataclasses.replace(one, met=False) for one in DERIVED]
    assert [one.name for one in verdicts(broken, Promises(), FACTS) if one.met] == []
