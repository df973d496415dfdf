"""Builds the seven stacks into a CDK app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aws_cdk import App, Stack

from holdfast.platforms.promises import Template
from holdfast.platforms.web_application.backup import BackupStack
from holdfast.platforms.web_application.claims import contradictions
from holdfast.platforms.web_application.compute import ComputeStack
from holdfast.platforms.web_application.database import ClusterStack
from holdfast.platforms.web_application.keys import KeysStack
from holdfast.platforms.web_application.monitoring import MonitoringStack
from holdfast.platforms.web_application.network import NetworkStack
from holdfast.platforms.web_application.storage import StorageStack
from holdfast.settings.web_application import WebApplication


def build(app: App, settings: WebApplication, _bundle: Callable[[], Path]) -> list[Stack]:
    """Add the stacks, in the order of deployment; each refers only to earlier ones. None runs the vault's functions."""
    network = NetworkStack(app, settings)
    keys = KeysStack(app, settings)
    database = ClusterStack(app, settings, network=network, keys=keys)
    storage = StorageStack(app, settings, keys=keys)
    compute = ComputeStack(app, settings, network=network, storage=storage, database=database)
    monitoring = MonitoringStack(app, settings, storage=storage, database=database, compute=compute)
    backup = BackupStack(app, settings, storage=storage, database=database, monitoring=monitoring)
    return [network, keys, database, storage, compute, monitoring, backup]


def contradictions_of(settings: WebApplication, templates: Sequence[Template]) -> list[str]:
    """Return what the pages say of the platform and the templates do not bear out."""
    return contradictions(settings, templates)
