"""Builds the vault's two stacks into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from holdfast.platforms.backup_vault import claims
from holdfast.platforms.backup_vault.primary import PrimaryStack
from holdfast.platforms.backup_vault.replica import ReplicaStack
from holdfast.platforms.bundles import native_vault_bundle, vault_bundle
from holdfast.platforms.constructs.function import PYTHON as PYTHON
from holdfast.settings.backup_vault import BackupVault


def build(app: App, settings: BackupVault, bundle: Callable[[], Path]) -> list[Stack]:
    """Add both stacks, in the order of deployment: the primary needs the replica's bucket and key."""
    replica = ReplicaStack(app, settings)
    primary = PrimaryStack(app, settings, lambda_.Code.from_asset(str(bundle())))
    primary.add_stack_dependency(replica, "replication needs its destination")
    return [replica, primary]


def bundle_of(settings: BackupVault) -> Path:
    """Return the functions' zip, built from the locked wheels if it is not in the cache."""
    return vault_bundle(settings.vault.architecture)


def native_bundle_of(_settings: BackupVault) -> Path:
    """Return the functions' zip with wheels of this machine."""
    return native_vault_bundle()


def contradictions_of(settings: BackupVault, templates: Sequence[claims.Template]) -> list[str]:
    """Return what tags and outputs say that the templates, in the order of `build`, do not bear out."""
    replica, primary = templates
    return claims.contradictions(settings, primary, replica)
