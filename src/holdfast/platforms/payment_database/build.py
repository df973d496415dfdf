"""Builds the platform's stacks into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.database_claims import contradictions
from holdfast.platforms.payment_database.promises import topology_of
from holdfast.platforms.payment_database.replica import ReplicaStack
from holdfast.platforms.payment_database.stack import PaymentStack
from holdfast.platforms.promises import Template
from holdfast.settings.payment_database import PaymentDatabase


def build(app: App, settings: PaymentDatabase, _bundle: Callable[[], Path]) -> list[Stack]:
    """Add the stack, after that of the second region if backups are copied there; no function of the vault's runs."""
    payment = PaymentStack(app, settings)
    if not settings.copies.schedule:
        return [payment]
    replica = ReplicaStack(app, settings)
    payment.add_stack_dependency(replica, "copies need their vault")
    return [replica, payment]


def contradictions_of(settings: PaymentDatabase, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of every database platform and these templates do not bear out."""
    return contradictions(topology_of(settings), templates)
