"""Promises of a backup system: what the settings and templates give, as a sum with sources. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from holdfast.platforms.backup_system.evidence import Template, archive_classes, bucket_of, expires_by_age
from holdfast.platforms.backup_system.figures import WORKER_TIMEOUT
from holdfast.platforms.promises import Promise, derived, unproven
from holdfast.settings.backup_engine import BackupSettings
from holdfast.settings.quantities import days_of, format_duration, format_percent, read_duration
from holdfast.settings.schedule import longest_gap, parse_schedule

# S3 Replication Time Control: 99.99 % of objects within 15 minutes, backed by a service level agreement.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
REPLICATION_TIME = timedelta(minutes=15)
# Monthly uptime commitments, S3 Standard and the lower one of Standard-IA and Intelligent-Tiering:
# https://aws.amazon.com/s3/sla/
# and KMS: https://aws.amazon.com/kms/sla/
STANDARD_SLA = 0.999
INFREQUENT_SLA = 0.99
KMS_SLA = 0.99999


def drain_bound(settings: BackupSettings) -> timedelta:
    """Return how long a full queue takes if every user needs the worker's whole time once.

    If many need more, the alarm on the queue's age rings: it is set to this bound.
    """
    engine = settings.engine
    invocations = -(-settings.promises.users // engine.batch_size)
    return -(-invocations // engine.max_concurrent_backups) * WORKER_TIMEOUT


def recovery_point(settings: BackupSettings) -> Promise:
    """Return the RPO: what is written just after a run began is safe when the next run has reached the replica."""
    engine, promised = settings.engine, settings.promises.rpo
    gap = longest_gap([parse_schedule(text) for text in settings.schedules])
    if gap is None:
        return unproven("rpo", format_duration(promised), "the schedule's longest gap cannot be computed")
    if not engine.replication_time_control:
        return unproven("rpo", format_duration(promised), "without S3 RTC no time of replication is published")
    drain = drain_bound(settings)
    total = gap + drain + REPLICATION_TIME
    terms = (
        f"{read_duration(gap)} longest gap between runs"
        f" + {read_duration(drain)} queue ({settings.promises.users} users, {engine.max_concurrent_backups} at a time,"
        f" {read_duration(WORKER_TIMEOUT)} for {engine.batch_size}; beyond it an alarm rings)"
        f" + {read_duration(REPLICATION_TIME)} replication (S3 RTC, 99.99 % of objects)"
        f" = {read_duration(total)}"
    )
    return derived("rpo", format_duration(promised), read_duration(total), total <= promised, terms)


def recovery_time(settings: BackupSettings) -> Promise:
    """Return the RTO, which depends on the volume, so that only a measurement can prove it."""
    reason = "depends on the volume: `holdfast rehearse` and `holdfast drill restore` measure it"
    return unproven("rto", format_duration(settings.promises.rto), reason)


def retention(settings: BackupSettings, templates: Sequence[Template]) -> Promise:
    """Return the retention: forget keeps every snapshot that long, and no rule expires what a snapshot refers to."""
    promised = format_duration(settings.promises.retention)
    if not templates:
        return unproven("retention", promised, "needs the templates")
    buckets = [bucket_of(one, kind) for one in templates for kind in ("primary", "replication")]
    stored = [bucket for bucket in buckets if bucket]
    counted = not settings.removed_turn_cold
    held = len(stored) == 2 and not any(
        expires_by_age(one) or archive_classes(one, of_removed=counted) for one in stored
    )
    days = days_of(settings.promises.retention)
    removed = days_of(settings.engine.keep_deleted)
    terms = (
        f"forget keeps {days} days of snapshots; no lifecycle rule expires a current object in either region; "
        f"what prune removes can be brought back for {removed} days more"
    )
    value = f"{days}d" if held else "less"
    return derived("retention", promised, value, held, terms if held else "a lifecycle rule expires or archives packs")


def availability(settings: BackupSettings, *, stored_as: str, stored: float) -> Promise:
    """Return the share of time in which a restore can begin: objects and key, readable in either region.

    Args:
        stored_as: the storage class, for people.
        stored: the share its service level agreement commits to.
    """
    promised = settings.promises.availability
    region = stored * KMS_SLA
    share = 1 - (1 - region) ** 2
    terms = (
        f"{stored_as} {format_percent(stored)} x KMS {format_percent(KMS_SLA)} = {format_percent(region)} a region;"
        f" two regions that fail independently = {format_percent(share)}"
    )
    return derived("availability", format_percent(promised), format_percent(share), share >= promised, terms)


def users(settings: BackupSettings) -> Promise:
    """Return how many users one gap between runs has room for, at the worker's whole time each."""
    engine, promised = settings.engine, settings.promises.users
    gap = longest_gap([parse_schedule(text) for text in settings.schedules])
    if gap is None:
        return unproven("users", str(promised), "the schedule's longest gap cannot be computed")
    rounds = int(gap / WORKER_TIMEOUT)
    room = rounds * engine.max_concurrent_backups * engine.batch_size
    terms = (
        f"{read_duration(gap)} between runs / {read_duration(WORKER_TIMEOUT)} a worker = {rounds} rounds"
        f" x {engine.max_concurrent_backups} at a time x {engine.batch_size} a batch = {room}"
    )
    return derived("users", str(promised), str(room), room >= promised, terms)
