"""Builds the platform's stack into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.cutover.bundle import build as build_cutover
from holdfast.platforms.payment_migration.claims import contradictions
from holdfast.platforms.payment_migration.stack import MigrationStack
from holdfast.platforms.promises import Template
from holdfast.settings.environment import cache_folder, process_environment
from holdfast.settings.payment_migration import PaymentMigration


def build(app: App, settings: PaymentMigration, bundle: Callable[[], Path]) -> list[Stack]:
    """Add the stack."""
    return [MigrationStack(app, settings, bundle)]


def bundle_of(_settings: PaymentMigration) -> Path:
    """Return the switch function's zip: our code alone, for any processor."""
    return build_cutover(cache_folder(process_environment()) / "bundles")


def native_bundle_of(settings: PaymentMigration) -> Path:
    """Return the same zip: it runs here as there."""
    return bundle_of(settings)


def contradictions_of(settings: PaymentMigration, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of the platform and the template does not bear out."""
    return contradictions(settings, templates)
