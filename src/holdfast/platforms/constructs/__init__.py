"""Small CDK constructs with safe defaults, each usable alone in any CDK app.

    from holdfast.platforms.constructs import PublicLoadBalancer

A construct owns resources; a platform wires them and grants. None of them creates a function of its own, except those
that empty what their stack leaves, and names are passed in, so that policies can name a resource before it exists.
"""

from __future__ import annotations

import importlib
from typing import Any

from holdfast.platforms.node import use_bundled_node

use_bundled_node()

# Where each construct is; its module is loaded when it is asked for. What goes with it is in the same module.
_HOMES = {
    "AddressedNetwork": "addressed_network",
    "Alarms": "alarms",
    "AuditTrail": "trail",
    "AuroraCluster": "aurora",
    "BackupNotices": "backup_notices",
    "BackupPlan": "backup_plan",
    "ChangeCapture": "change_capture",
    "ClusterExport": "cluster_export",
    "CustomerKey": "key",
    "Dashboard": "dashboard",
    "DatabaseCredentials": "credentials",
    "DatabaseDashboard": "database_dashboard",
    "DatabaseEvents": "database_alarms",
    "DatabaseProxy": "database_proxy",
    "DeadLetterQueue": "queue",
    "EmptiedBucket": "emptied_bucket",
    "EmptiedVault": "emptied_vault",
    "FargateService": "fargate",
    "FlowLogs": "flow_logs",
    "IsolatedNetwork": "network",
    "NoticeTopic": "topic",
    "ProtectedTable": "table",
    "PublicLoadBalancer": "load_balancer",
    "PublicNetwork": "public_network",
    "PythonFunction": "function",
    "ReaderScaling": "reader_scaling",
    "ReplicationRole": "replication",
    "RotatedCredentials": "credentials",
    "SecureBucket": "bucket",
    "Timetable": "schedule",
    "WorkQueue": "queue",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Return a construct by its name; nothing is loaded before."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
