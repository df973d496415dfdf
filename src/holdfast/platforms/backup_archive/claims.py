"""What the archive says about itself in tags and outputs; `contradictions` proves it in the templates. No CDK here."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from holdfast.platforms.backup_system import evidence
from holdfast.platforms.backup_system.evidence import Template
from holdfast.settings.backup_archive import BackupArchive
from holdfast.settings.quantities import days_of, format_percent, spell_duration

COLD = ("GLACIER", "DEEP_ARCHIVE")


def tags_of(settings: BackupArchive) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    tags = {
        "System": "BackupArchive",
        "Environment": settings.environment,
        "CostCenter": "DataProtection",
        "NetworkIsolation": "VPCEndpoints",
    }
    return {**tags, **settings.tags}


def capabilities_of(settings: BackupArchive) -> dict[str, Any]:
    """Return the output SystemCapabilities."""
    archive, promises = settings.archive, settings.promises
    kept = days_of(promises.retention)
    return {
        "maxUsers": promises.users,
        "retentionDays": kept,
        "deletedDataGoneAfterDays": kept + days_of(archive.keep_deleted) + 1,
        "rto": _words(promises.rto),
        "rpo": _words(promises.rpo),
        "availability": format_percent(promises.availability),
        "encryption": "SSE-KMS, customer-managed, one key a region",
        "replication": f"{settings.region} to {settings.replica_region}",
        "deduplication": True,
        "networkIsolation": True,
        "auditLogging": True,
        "costOptimization": ["deduplication", "INTELLIGENT_TIERING", *_cold_classes(settings)],
    }


def contradictions(settings: BackupArchive, primary: Template, replica: Template) -> list[str]:
    """Return what the templates do not bear out; none means that every claim is built."""
    found = evidence.contradictions(capabilities_of(settings), settings, primary, replica)
    claimed = {"INTELLIGENT_TIERING", *_cold_classes(settings)}
    built = {name for name in ("INTELLIGENT_TIERING", *COLD) if evidence.moves_to(primary, name)}
    if claimed != built:
        found.append(f"costOptimization: objects move to {sorted(built)}")
    return found


def _cold_classes(settings: BackupArchive) -> tuple[str, ...]:
    cold = settings.archive.cold
    if cold is None:
        return ()
    return COLD if cold.deep_archive_after else COLD[:1]


def _words(value: timedelta) -> str:
    """Return `2 hours` for two hours."""
    return re.sub(r"(?<=\d)(?=[a-z])", " ", spell_duration(value))
