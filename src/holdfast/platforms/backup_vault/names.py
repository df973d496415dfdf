"""Names of the vault."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.platforms.backup_system.names import REPOSITORY_PREFIX as REPOSITORY_PREFIX
from holdfast.platforms.backup_system.names import BackupNames
from holdfast.settings.backup_vault import BackupVault


@dataclass(frozen=True, kw_only=True)
class VaultNames(BackupNames):
    """Names and ARNs of a vault."""

    settings: BackupVault
    platform: str = "backup-vault"
    buckets: str = "backup"
    stem: str = "backup"
    dashboard_stem: str = "BackupSystemMonitoring"
    namespace: str = "Holdfast/BackupVault"


def stack_name(settings: BackupVault) -> str:
    """Return the name of the primary stack."""
    return f"backup-vault-{settings.environment}"
