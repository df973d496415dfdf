"""Names of the archive: those it has to bear, and for the rest its own, beside any vault's."""

from __future__ import annotations

from holdfast.platforms.backup_system.names import BackupNames
from holdfast.settings.backup_archive import BackupArchive

DASHBOARD = "BackupSystemMonitoring"


def names_of(settings: BackupArchive, account: str, partition: str) -> BackupNames:
    """Return every name and ARN; buckets and dashboard share theirs with a vault unless `archive.prefix` differs."""
    prefix = settings.archive.prefix
    return BackupNames(
        settings=settings,
        account=account,
        partition=partition,
        platform=settings.platform,
        buckets=prefix,
        stem=f"{prefix}-archive",
        dashboard_stem=DASHBOARD if prefix == "backup" else f"{DASHBOARD}-{prefix}",
        namespace="Holdfast/BackupArchive" if prefix == "backup" else f"Holdfast/BackupArchive/{prefix}",
    )
