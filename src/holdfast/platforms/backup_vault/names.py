"""Names of the vault."""

from __future__ import annotations

from holdfast.platforms.backup_system.names import BackupNames
from holdfast.settings.backup_vault import BackupVault


def names_of(settings: BackupVault, account: str, partition: str) -> BackupNames:
    """Return every name and ARN."""
    return BackupNames(
        settings=settings,
        account=account,
        partition=partition,
        platform=settings.platform,
        buckets="backup",
        stem="backup",
        dashboard_stem="BackupSystemMonitoring",
        namespace="Holdfast/BackupVault",
    )
