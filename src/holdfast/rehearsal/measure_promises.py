"""From what was derived before and measured during the run to a verdict per promise. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from holdfast.platforms.promises import Promise as Derived
from holdfast.rehearsal.measure_recovery import Exposure
from holdfast.report.model import Evidence, Promise
from holdfast.report.units import bytes_text, count_text, plural, seconds_text
from holdfast.settings.promises import Promises


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """The loss and what came back after it."""

    region: str
    seconds: float  # from the loss to the last restored byte
    users: int
    files: int
    bytes: int
    differences: int
    exposure: Exposure
    lag_slowest_seconds: float


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """Forget and prune with a moved clock, and the verification of every byte after it."""

    forgotten: int
    kept: int
    forgotten_too_young: int
    kept_too_old: int
    verified: bool
    packs_removed: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the run measured; None where it did not get that far."""

    users_backed_up: int | None = None
    backup_seconds: float | None = None
    recovery: Recovery | None = None
    upkeep: Upkeep | None = None


def verdicts(derived: Sequence[Derived], promised: Promises, facts: Facts) -> list[Promise]:
    """Return every promise: measured where the run showed something, else as derived, else unproven."""
    return [_VERDICTS.get(one.name, _unmeasured)(one, promised, facts) for one in derived]


def _unmeasured(one: Derived, _promised: Promises, _facts: Facts) -> Promise:
    return as_derived(one)


def as_derived(one: Derived) -> Promise:
    """Return a promise as its templates give it."""
    return Promise(
        name=one.name, promised=one.promised, value=one.value, evidence=Evidence(one.evidence), met=one.met, how=one.sum
    )


def _recovery_point(one: Derived, promised: Promises, facts: Facts) -> Promise:
    base, recovery = as_derived(one), facts.recovery
    if recovery is None:
        return base
    cost = recovery.exposure
    lost, waiting = len(cost.lost_acknowledged), len(cost.lost_unacknowledged)
    how = (
        f"When {recovery.region} was lost, {plural(lost, 'file version')} that had been acknowledged "
        f"{'was' if lost == 1 else 'were'} not yet in the replica"
        + (f", the oldest acknowledged {seconds_text(cost.oldest_acknowledged_seconds)} before" if lost else "")
        + f"; {count_text(waiting)} more had been written since their user's last backup. "
        f"The oldest change that is gone was {seconds_text(cost.window_seconds)} old."
    )
    return dataclasses.replace(
        base,
        value=f"{seconds_text(cost.window_seconds)}, {plural(lost, 'acknowledged version')} lost",
        evidence=Evidence.MEASURED,
        met=_both(base.met, timedelta(seconds=cost.window_seconds) <= promised.rpo),
        how=how,
        partly=f"the hours between two runs were not waited for; with them, derived: {one.sum}.",
        figures={
            "window_seconds": cost.window_seconds,
            "lost_acknowledged": lost,
            "lost_acknowledged_bytes": sum(version.size for version in cost.lost_acknowledged),
            "oldest_acknowledged_seconds": cost.oldest_acknowledged_seconds,
            "lost_unacknowledged": waiting,
            "users_behind": cost.users_behind,
            "slowest_replication_seconds": recovery.lag_slowest_seconds,
        },
    )


def _recovery_time(one: Derived, promised: Promises, facts: Facts) -> Promise:
    base, recovery = as_derived(one), facts.recovery
    if recovery is None:
        return base
    volume = f"{count_text(recovery.files)} files of {count_text(recovery.users)} users, {bytes_text(recovery.bytes)}"
    whole = recovery.differences == 0
    how = (
        f"From the loss of {recovery.region} to the last byte restored from the replica, opened with a catalogue "
        f"rebuilt from its own packs: {volume}. "
        + ("Every file equals what was acknowledged." if whole else f"{recovery.differences} files differ.")
    )
    return dataclasses.replace(
        base,
        value=seconds_text(recovery.seconds),
        evidence=Evidence.MEASURED,
        met=_both(base.met, whole and timedelta(seconds=recovery.seconds) <= promised.rto),
        how=how,
        partly="the time people take to decide, and S3's own speed; this is the volume above, extrapolated nowhere.",
        figures={
            "seconds": recovery.seconds,
            "files": recovery.files,
            "restored_bytes": recovery.bytes,
            "differences": recovery.differences,
            "used_percent": 100 * recovery.seconds / promised.rto.total_seconds(),
        },
    )


def _retention(one: Derived, _promised: Promises, facts: Facts) -> Promise:
    base, upkeep = as_derived(one), facts.upkeep
    if upkeep is None or not upkeep.forgotten:
        return base
    exact = not upkeep.forgotten_too_young and not upkeep.kept_too_old
    how = (
        f"With the clock moved on, forget removed the {count_text(upkeep.forgotten)} snapshots that had become older "
        f"than {one.promised} and kept the {count_text(upkeep.kept)} younger ones; prune then removed "
        f"{count_text(upkeep.packs_removed)} packs, and every byte still kept was read back and verified. "
        f"Derived: {one.sum}."
    )
    return dataclasses.replace(
        base,
        evidence=Evidence.MEASURED,
        met=_both(base.met, exact and upkeep.verified),
        how=how,
        partly="the days did not pass: lifecycle rules and Object Lock were read back, not waited for.",
        figures={"forgotten": upkeep.forgotten, "kept": upkeep.kept, "packs_removed": upkeep.packs_removed},
    )


def _users(one: Derived, promised: Promises, facts: Facts) -> Promise:
    base, users = as_derived(one), facts.users_backed_up
    if users is None or facts.backup_seconds is None:
        return base
    if users < promised.users:
        return dataclasses.replace(base, partly=f"this run backed up {count_text(users)} users, not {one.promised}.")
    return dataclasses.replace(
        base,
        value=count_text(users),
        evidence=Evidence.MEASURED,
        how=f"Every one of {count_text(users)} users had a completed snapshot {seconds_text(facts.backup_seconds)} "
        f"after the daily rule fired. Room by the template: {one.sum}.",
        partly="a user's real volume; the derived sum holds for the worker's whole time per user.",
        figures={"users": users, "backup_seconds": facts.backup_seconds},
    )


def _both(derived: bool | None, measured: bool) -> bool:
    return measured and derived is not False


_VERDICTS: dict[str, Callable[[Derived, Promises, Facts], Promise]] = {
    "rpo": _recovery_point,
    "rto": _recovery_time,
    "retention": _retention,
    "users": _users,
}
