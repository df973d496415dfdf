"""Names of the archive: those it has to bear, and for the rest its own, beside any vault's."""

from __future__ import annotations

from holdfast.platforms.backup_system.names import BackupNames
from holdfast.settings.backup_archive import USUAL_PREFIX, BackupArchive

DASHBOARD = "BackupSystemMonitoring"


def names_of(settings: BackupArchive, account: str, partition: str) -> BackupNames:
    """Return every name and ARN: none is a vault's, whose bucket and dashboard names the requirements claim twice."""
    prefix = settings.archive.prefix
    is_usual = prefix == USUAL_PREFIX
    return BackupNames(
        settings=settings,
        account=account,
        partition=partition,
        platform=settings.platform,
        buckets=prefix,
        stem="backup-archive" if is_usual else f"{prefix}-archive",
        dashboard_stem=f"{DASHBOARD}-{prefix}",
        namespace="Holdfast/BackupArchive" if is_usual else f"Holdfast/BackupArchive/{prefix}",
    )
