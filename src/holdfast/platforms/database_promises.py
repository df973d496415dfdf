"""What an Aurora database keeps of each promise, as a sum with sources, for every platform with one. No CDK here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from holdfast.checks.databases import instances_of, subnets_of
from holdfast.checks.demands import Demands
from holdfast.checks.document import Document
from holdfast.checks.graph.resource import Resource
from holdfast.checks.graph.source import Source
from holdfast.checks.graph.system import systems
from holdfast.checks.network import zones_of
from holdfast.checks.positions import LocatedPositions
from holdfast.checks.promise import AURORA_FAILOVER, AURORA_RECREATE, Term, gap_of, spelled, total
from holdfast.checks.values import Undecided, as_list, as_number
from holdfast.platforms.promises import Promise, Template, derived, unproven
from holdfast.settings.promises import Promises
from holdfast.settings.quantities import days_of, format_duration, format_percent, read_duration

# A cluster can be restored to any second up to this long ago.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-pitr.html
RESTORABLE_LAG = timedelta(minutes=5)
# Endpoints are names that live this long in resolvers.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.BestPractices.FastFailover.html
ENDPOINT_TTL = timedelta(seconds=5)
# Monthly uptime of a cluster with instances in two zones or more, and of a single instance.
# Source: https://aws.amazon.com/rds/aurora/sla/
CLUSTER_SLA = 0.9999
SINGLE_SLA = 0.995


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What the promises follow from; of several clusters, the weakest counts in each respect.

    Args:
        zones: in which the subnet group lies; instances are spread over them.
        copy_gap: longest time between backups that are copied to another region; None without copies.
    """

    readers: int
    zones: int
    backup_days: int
    copy_gap: timedelta | None = None


def database_promises(promised: Promises, planned: Topology, templates: Sequence[Template]) -> list[Promise]:
    """Return RPO, RTO, failover, retention and availability, from the templates where there are any."""
    found = read_topology(templates) if templates else planned
    if isinstance(found, Undecided):
        names = ("rpo", "rto", "failover", "retention", "availability")
        return [unproven(name, _promised(promised, name), found.reason) for name in names]
    return [
        _recovery_point(promised, found),
        _recovery_time(promised, found),
        _failover(promised, found),
        _retention(promised, found),
        _availability(promised, found),
    ]


def read_topology(templates: Sequence[Template]) -> Topology | Undecided:
    """Return what the templates build; undecided when a figure is no figure before deployment."""
    sources = [
        Source(Document(path=f"stack{n}", data=dict(one), positions=LocatedPositions(None)), stack=f"stack{n}")
        for n, one in enumerate(templates)
    ]
    system = next(systems(sources, Demands(), date.min))
    clusters = system.resources("AWS::RDS::DBCluster")
    if not clusters:
        return Undecided("the templates hold no cluster")
    zones = [zones_of(subnets_of(one)[0]) for one in clusters]
    days = [as_number(one.get("BackupRetentionPeriod"), 1) for one in clusters]
    for value in (*zones, *days):
        if isinstance(value, Undecided):
            return value
    return Topology(
        readers=min(len(instances_of(one)) for one in clusters) - 1,
        zones=min(zone for zone in zones if isinstance(zone, int)),
        backup_days=int(min(day for day in days if isinstance(day, int | float))),
        copy_gap=_copy_gap(system.resources("AWS::Backup::BackupPlan")),
    )


def _copy_gap(plans: Sequence[Resource]) -> timedelta | None:
    rules = [rule for plan in plans for rule in as_list(plan.get("BackupPlan.BackupPlanRule"))]
    copied = [rule for rule in rules if isinstance(rule, dict) and rule.get("CopyActions")]
    gap = gap_of(rule.get("ScheduleExpression") for rule in copied)
    return gap if isinstance(gap, timedelta) else None


def _recovery_point(promised: Promises, found: Topology) -> Promise:
    elsewhere = (
        f"the newest backup copied, up to {read_duration(found.copy_gap)} old plus the time AWS Backup takes, which is"
        " not published"
        if found.copy_gap
        else "not promised, nothing is copied elsewhere"
    )
    terms = (
        f"{read_duration(RESTORABLE_LAG)} point-in-time restore (the latest restorable time is typically within it);"
        " 0s for the loss of an instance or a zone (six copies in three zones);"
        f" loss of the region: {elsewhere}"
    )
    return _derived("rpo", promised, read_duration(RESTORABLE_LAG), promised.rpo >= RESTORABLE_LAG, terms)


def _recovery_time(promised: Promises, found: Topology) -> Promise:
    reason = (
        "a restored cluster's time depends on its volume and log: restore one and time it, as the runbook says;"
        f" an instance or zone lost is a failover: {spelled(_failover_terms(found))}"
    )
    return unproven("rto", _promised(promised, "rto"), reason)


def _failover_terms(found: Topology) -> list[Term]:
    first = (
        Term(AURORA_FAILOVER, "to detect and promote a reader (published, typical)")
        if found.readers
        else Term(AURORA_RECREATE, "to detect and create an instance (published, typical; no reader)")
    )
    return [first, Term(ENDPOINT_TTL, "until clients' resolvers forget the old name")]


def _failover(promised: Promises, found: Topology) -> Promise:
    terms = _failover_terms(found)
    within = promised.failover is None or total(terms) <= promised.failover
    measured = "; `holdfast drill failover` measures it" if found.readers else ""
    return _derived("failover", promised, read_duration(total(terms)), within, spelled(terms) + measured)


def _retention(promised: Promises, found: Topology) -> Promise:
    days = found.backup_days
    terms = f"automated backups of {days} days: every second of them, but the last five minutes, can be restored"
    return _derived("retention", promised, f"{days}d", days >= days_of(promised.retention), terms)


def _availability(promised: Promises, found: Topology) -> Promise:
    spread = found.readers > 0 and found.zones > 1
    share = CLUSTER_SLA if spread else SINGLE_SLA
    terms = (
        f"{found.readers + 1} instances over {found.zones} zones:"
        f" {format_percent(share)} a month ({'Aurora cluster' if spread else 'single instance'}, published)"
    )
    return _derived("availability", promised, format_percent(share), share >= promised.availability, terms)


def _promised(promised: Promises, name: str) -> str:
    value = getattr(promised, name)
    if value is None:
        return "nothing"
    return format_percent(value) if name == "availability" else format_duration(value)


def _derived(name: str, promised: Promises, value: str, met: bool, terms: str) -> Promise:
    return derived(name, _promised(promised, name), value, met, terms)
