"""The zips that platforms' functions run from."""

from __future__ import annotations

from pathlib import Path

from holdfast.settings.environment import cache_folder, process_environment
from holdfast.vault.bundle import Architecture, build, build_native


def vault_bundle(architecture: Architecture) -> Path:
    """Return the zip of the vault's functions for a processor, built from the locked wheels if it is not cached."""
    folder = cache_folder(process_environment()) / "bundles"
    return build(folder, architecture=architecture, python="3.13").path


def native_vault_bundle() -> Path:
    """Return the same with wheels that run here, in an embedded AWS."""
    return build_native(cache_folder(process_environment()) / "bundles").path
