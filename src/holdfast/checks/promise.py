"""The arithmetic behind promise rules: how often things run, how long a class takes to read, sums as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from holdfast.checks.functions import function_behind
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.system import System
from holdfast.checks.values import Undecided, Value, as_list, is_undecided
from holdfast.settings.quantities import read_duration
from holdfast.settings.schedule import longest_gap, parse_schedule

# The longest time a standard retrieval takes, as published.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
RETRIEVAL = {
    "GLACIER": timedelta(hours=5),
    "DEEP_ARCHIVE": timedelta(hours=12),
}
# Most objects are replicated within this time; with Replication Time Control 99.99 % are, and by contract 99.9 %.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
REPLICATION = timedelta(minutes=15)
# Aurora promotes a reader typically in less than this time; without one it creates an instance, typically in less than
# the second. A proxy shortens it by up to two thirds, which promises nothing.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.AuroraHighAvailability.html
AURORA_FAILOVER = timedelta(seconds=60)
AURORA_RECREATE = timedelta(minutes=10)
# The start window of AWS Backup when a rule names none.
# Source: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRule.html
BACKUP_START_WINDOW = timedelta(hours=8)


@dataclass(frozen=True)
class Term:
    """One addend of a sum: how long, and what for."""

    amount: timedelta
    what: str


def total(terms: Iterable[Term]) -> timedelta:
    """Add the terms."""
    return sum((term.amount for term in terms), timedelta())


def spelled(terms: Iterable[Term]) -> str:
    """Return `24h between runs + 15m replication = 24h 15m`."""
    terms = list(terms)
    added = " + ".join(f"{read_duration(term.amount)} {term.what}" for term in terms)
    return f"{added} = {read_duration(total(terms))}" if len(terms) > 1 else added


def gap_of(expressions: Iterable[Value]) -> timedelta | Undecided | None:
    """Return the longest time between runs of any of these schedules; None without one."""
    schedules = []
    for expression in expressions:
        if expression is None:
            continue
        if is_undecided(expression) or not isinstance(expression, str):
            return Undecided(f"the schedule {expression}")
        try:
            schedules.append(parse_schedule(expression))
        except ValueError:
            return Undecided(f"the schedule {expression}")
    if not schedules:
        return None
    gap = longest_gap(schedules)
    return Undecided("schedules whose gap cannot be computed") if gap is None else gap


def schedules_of(function: Resource) -> list[Value]:
    """Return the schedule expressions of enabled rules and schedules that start a function."""
    found: list[Value] = []
    for rule in function.system.resources("AWS::Events::Rule"):
        targets = [target for target in as_list(rule.get("Targets")) if isinstance(target, dict)]
        starts = any(function_behind(function.system.find(target.get("Arn"))) is function for target in targets)
        if starts and rule.get("State", "ENABLED") == "ENABLED":
            found.append(rule.get("ScheduleExpression"))
    found += [
        schedule.get("ScheduleExpression")
        for schedule in function.system.resources("AWS::Scheduler::Schedule")
        if function_behind(function.system.find(schedule.get("Target.Arn"))) is function
    ]
    return [expression for expression in found if expression is not None]


def backup_functions(system: System) -> list[Resource]:
    """Return the functions that a schedule starts and whose name or id speaks of backups."""
    named = [f for f in system.resources("AWS::Lambda::Function") if "backup" in _names(f)]
    return [function for function in named if schedules_of(function)]


def _names(function: Resource) -> str:
    return f"{function.logical_id} {function.get('FunctionName')}".lower()
