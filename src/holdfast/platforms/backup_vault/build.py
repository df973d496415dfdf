"""Builds the vault's two stacks into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.backup_system.evidence import Template
from holdfast.platforms.backup_system.pair import build_pair
from holdfast.platforms.backup_vault import claims
from holdfast.platforms.backup_vault.form import form_of
from holdfast.platforms.bundles import native_vault_bundle, vault_bundle
from holdfast.platforms.constructs.function import PYTHON as PYTHON
from holdfast.settings.backup_vault import BackupVault


def build(app: App, settings: BackupVault, bundle: Callable[[], Path]) -> list[Stack]:
    """Add both stacks, in the order of deployment."""
    return build_pair(app, form_of(settings), bundle)


def bundle_of(settings: BackupVault) -> Path:
    """Return the functions' zip, built from the locked wheels if it is not in the cache."""
    return vault_bundle(settings.vault.architecture)


def native_bundle_of(_settings: BackupVault) -> Path:
    """Return the functions' zip with wheels of this machine."""
    return native_vault_bundle()


def contradictions_of(settings: BackupVault, templates: Sequence[Template]) -> list[str]:
    """Return what tags and outputs say that the templates, in the order of `build`, do not bear out."""
    replica, primary = templates
    return claims.contradictions(settings, primary, replica)
