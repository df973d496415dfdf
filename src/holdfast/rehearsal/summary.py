"""From what a run recorded to its report."""

from __future__ import annotations

import json
import os
import platform
from datetime import datetime
from importlib import metadata
from typing import Any

from holdfast import __version__
from holdfast.rehearsal.measure_memory import MemorySampler
from holdfast.rehearsal.measure_promises import verdicts
from holdfast.rehearsal.read_back import ReadBack
from holdfast.rehearsal.steps import Journal
from holdfast.rehearsal.steps_scene import Options, Told
from holdfast.report.distribution import percentile
from holdfast.report.model import Figure, ReadBackRow, Report, Untested
from holdfast.report.units import bytes_text, count_text, seconds_text
from holdfast.settings.platform import PlatformSettings

LIBRARIES = ("aws-cdk-lib", "boto3", "cfn-lint", "ministack", "cryptography", "zstandard", "pyfastcdc", "blake3")
SHORT = 240


def report_of(
    options: Options, journal: Journal, told: Told, memory: MemorySampler, *, began: datetime, stopped: str
) -> Report:
    """Return the report; one of a run that stopped gives no verdict, only what it got to."""
    seconds = journal.elapsed()
    points = [(at, total / 1e6) for at, total in memory.samples]
    if memory.peak_bytes:
        journal.curve("memory", title="memory", x_unit="s", y_unit="MB", points=points)
    return Report(
        platforms=[options.settings.platform],
        promises=verdicts(told.derived, options.settings.promises, told.facts),
        steps=journal.steps,
        holdfast=__version__,
        started=began.isoformat(timespec="seconds"),
        seconds=seconds,
        complete=not stopped,
        stopped=stopped,
        command=options.command,
        summary="" if stopped else summary_of(told),
        figures=figures_of(options, told, memory, seconds),
        trials=journal.trials,
        events=journal.events,
        backups=told.backups,
        replication_lag=told.replication_lag,
        series=journal.series,
        usage=told.usage,
        read_back=[row_of(one) for one in told.read_back],
        untested=[Untested(subject=one.subject, why=one.why) for one in told.untested],
        environment=environment_of(options, told),
        evidence=told.evidence.files,
    )


def summary_of(told: Told) -> str:
    """Return what happened in one paragraph; only of a run that reached its end."""
    recovery = told.facts.recovery
    assert recovery is not None, "a complete run has a recovery"
    same = "every one of them as acknowledged" if not recovery.differences else f"{recovery.differences} of them wrong"
    return (
        f"{count_text(told.users)} users with {count_text(told.files)} files ({bytes_text(told.logical_bytes)}) were "
        f"backed up twice. In the middle of the third run {recovery.region} was lost. From the replica alone "
        f"{count_text(recovery.files)} files came back in {seconds_text(recovery.seconds)}, {same}."
    )


def figures_of(options: Options, told: Told, memory: MemorySampler, seconds: float) -> dict[str, Figure]:
    """Return the figures the first screen shows, as far as the run got to them."""
    figures: dict[str, Figure] = {"seconds": seconds, "lag_asked_seconds": options.replication_lag_seconds}
    recovery, lag = told.facts.recovery, told.replication_lag
    if recovery:
        figures |= {"rto_seconds": recovery.seconds, "rpo_seconds": recovery.exposure.window_seconds}
        figures |= {"files_compared": recovery.files}
    stored = sum(backup.stored_bytes for backup in told.backups)
    if stored:
        figures["dedup_ratio"] = sum(backup.logical_bytes for backup in told.backups) / stored
    if lag:
        figures |= {"lag_p50_seconds": percentile(lag, 50), "lag_p99_seconds": percentile(lag, 99)}
    if memory.peak_bytes:
        figures["peak_memory_bytes"] = memory.peak_bytes
    if told.requests:
        figures["aws_requests"] = sum(told.requests.values())
    return figures


def row_of(one: ReadBack) -> ReadBackRow:
    """Return a read-back as the report keeps it: values as short text."""
    return ReadBackRow(
        resource=one.logical_id,
        type=one.resource_type,
        property=one.property,
        wanted=_short(one.wanted),
        got=_short(one.got),
        verdict=one.verdict.value,
        reason=one.reason,
    )


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= SHORT else f"{text[:SHORT]}..."


def environment_of(options: Options, told: Told) -> dict[str, str]:
    """Return versions, machine and settings that the figures depend on."""
    found = {
        **machine(options.settings, strict=options.strict),
        "seed": options.seed,
        "replication lag asked for": seconds_text(options.replication_lag_seconds),
        "files": f"{options.data} (only read)" if options.data else "generated",
    }
    if told.left_out:
        found["left out of the data"] = f"{len(told.left_out)}: {', '.join(told.left_out[:5])}"
    if told.bundle:
        found["functions' bundle"] = f"{bytes_text(told.bundle.size_bytes)}, SHA-256 {told.bundle.sha256}"
    for wanted, used in sorted({(one.wanted, one.used) for one in told.runtimes}):
        found["functions ran on"] = used if wanted == used else f"{used}; the template names {wanted}"
    return found


def machine(settings: PlatformSettings, *, strict: bool) -> dict[str, str]:
    """Return what any rehearsal depends on: versions, machine, level, regions."""
    found = {
        "Holdfast": __version__,
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {_processors()} processors",
        "level": "strict: IAM, resource policies and TLS enforced" if strict else "plain: IAM and TLS not enforced",
        "regions": f"{settings.region}, replica {settings.replica_region}",
        "environment": settings.environment,
    }
    return found | {name: metadata.version(name) for name in LIBRARIES if _installed(name)}


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
