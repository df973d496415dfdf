"""Builds the platform's stack into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.database_claims import contradictions
from holdfast.platforms.promises import Template
from holdfast.platforms.serverless_database.promises import topology_of
from holdfast.platforms.serverless_database.stack import ServerlessStack
from holdfast.settings.serverless_database import ServerlessDatabase


def build(app: App, settings: ServerlessDatabase, _bundle: Callable[[], Path]) -> list[Stack]:
    """Add the stack; it runs none of the vault's functions."""
    return [ServerlessStack(app, settings)]


def contradictions_of(settings: ServerlessDatabase, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of every database platform and this template does not bear out."""
    return contradictions(topology_of(settings), templates)
