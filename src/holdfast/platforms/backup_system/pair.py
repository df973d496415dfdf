"""Both stacks of a backup system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from holdfast.platforms.backup_system.form import Form
from holdfast.platforms.backup_system.primary import PrimaryStack
from holdfast.platforms.backup_system.replica import ReplicaStack


def build_pair(app: App, form: Form, bundle: Callable[[], Path]) -> list[Stack]:
    """Add both stacks, in the order of deployment: the primary needs the replica's bucket and key."""
    replica = ReplicaStack(app, form)
    primary = PrimaryStack(app, form, lambda_.Code.from_asset(str(bundle())))
    primary.add_stack_dependency(replica, "replication needs its destination")
    return [replica, primary]
