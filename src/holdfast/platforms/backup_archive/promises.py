"""The archive's promises: what the settings and templates give, as a sum with sources. Pure; no CDK here."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.platforms.backup_system import promises as sums
from holdfast.platforms.backup_system.evidence import Template
from holdfast.platforms.promises import Promise
from holdfast.settings.backup_archive import BackupArchive


def promises(settings: BackupArchive, templates: Sequence[Template]) -> list[Promise]:
    """Return RPO, RTO, retention, availability and users; those that need `templates` are unproven without."""
    return [
        sums.recovery_point(settings),
        sums.recovery_time(settings),
        sums.retention(settings, templates),
        sums.availability(settings, stored_as="S3 Intelligent-Tiering", stored=sums.INFREQUENT_SLA),
        sums.users(settings),
    ]
