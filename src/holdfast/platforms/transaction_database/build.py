"""Builds the platform's stack into a CDK app."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.database_claims import contradictions
from holdfast.platforms.promises import Template
from holdfast.platforms.transaction_database.promises import topology_of
from holdfast.platforms.transaction_database.stack import MOST_BYTES, TransactionStack
from holdfast.settings.transaction_database import TransactionDatabase


def build(app: App, settings: TransactionDatabase, _bundle: Callable[[], Path]) -> list[Stack]:
    """Add the stack; it runs none of the vault's functions."""
    return [TransactionStack(app, settings)]


def contradictions_of(settings: TransactionDatabase, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of every database platform, or of a portable file, and this template does not bear."""
    found = contradictions(topology_of(settings), templates)
    size = len(json.dumps(templates[0], separators=(",", ":")).encode())
    if size > MOST_BYTES:
        found.append(f"portable: {size} bytes are more than the {MOST_BYTES} CloudFormation takes without a bucket")
    return found
