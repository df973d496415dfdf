"""Builds the archive's two stacks into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.backup_archive import claims
from holdfast.platforms.backup_archive.form import form_of
from holdfast.platforms.backup_system.evidence import Template
from holdfast.platforms.backup_system.pair import build_pair
from holdfast.platforms.bundles import native_vault_bundle, vault_bundle
from holdfast.settings.backup_archive import BackupArchive


def build(app: App, settings: BackupArchive, bundle: Callable[[], Path]) -> list[Stack]:
    """Add both stacks, in the order of deployment."""
    return build_pair(app, form_of(settings), bundle)


def bundle_of(settings: BackupArchive) -> Path:
    """Return the functions' zip, built from the locked wheels if it is not in the cache."""
    return vault_bundle(settings.archive.architecture)


def native_bundle_of(_settings: BackupArchive) -> Path:
    """Return the functions' zip with wheels of this machine."""
    return native_vault_bundle()


def contradictions_of(settings: BackupArchive, templates: Sequence[Template]) -> list[str]:
    """Return what tags and outputs say that the templates, in the order of `build`, do not bear out."""
    replica, primary = templates
    return claims.contradictions(settings, primary, replica)
