"""What the vault says about itself in tags and outputs; `contradictions` proves it in the templates. No CDK here."""

from __future__ import annotations

from typing import Any

from holdfast.platforms.backup_system import evidence
from holdfast.platforms.backup_system.evidence import Template
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.quantities import days_of, format_percent, spell_duration


def tags_of(settings: BackupVault) -> dict[str, str]:
    """Return the tags of every taggable resource; those of the settings win."""
    vault, promises = settings.vault, settings.promises
    tags = {
        "System": "BackupSystem",
        "Environment": settings.environment,
        "CostCenter": "DataProtection",
        "Project": "ClientReportsBackup",
        "Owner": "BackupTeam",
        "DataClassification": "Confidential",
        "BackupRetention": spell_duration(promises.retention),
        "DisasterRecovery": "CrossRegion",
        "Encryption": "CustomerManaged",
        "NetworkIsolation": "VPCEndpoints" if vault.private_network else "None",
        "MaxUsers": str(promises.users),
        "RTO": spell_duration(promises.rto),
        "RPO": spell_duration(promises.rpo),
    }
    if vault.compliance and vault.lock.mode != "off":
        tags["Compliance"] = vault.compliance
    return {**tags, **settings.tags}


def capabilities_of(settings: BackupVault) -> dict[str, Any]:
    """Return the output SystemCapabilities."""
    vault, promises = settings.vault, settings.promises
    return {
        "maxUsers": promises.users,
        "retentionDays": days_of(promises.retention),
        "deletedDataGoneAfterDays": days_of(promises.retention) + days_of(vault.keep_deleted) + 1,
        "rto": spell_duration(promises.rto),
        "rpo": spell_duration(promises.rpo),
        "availability": format_percent(promises.availability),
        "encryption": "SSE-KMS, customer-managed, one key a region",
        "replication": f"{settings.region} to {settings.replica_region}",
        "deduplication": True,
        "networkIsolation": vault.private_network,
        "auditLogging": True,
        "costOptimization": ["deduplication", *(["STANDARD_IA"] if vault.infrequent_access_after else [])],
    }


def contradictions(settings: BackupVault, primary: Template, replica: Template) -> list[str]:
    """Return what the templates do not bear out; none means that every claim is built."""
    found = evidence.contradictions(capabilities_of(settings), settings, primary, replica)
    idle = settings.vault.infrequent_access_after is not None
    if idle is not evidence.moves_to(primary, "STANDARD_IA"):
        found.append("costOptimization: no transition to STANDARD_IA")
    return found
