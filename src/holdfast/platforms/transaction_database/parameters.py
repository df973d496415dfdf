"""The fifteen parameters; the settings give their defaults. Pure; no CDK here."""

from __future__ import annotations

from typing import Any, get_args

from holdfast.platforms.transaction_database.template import Body
from holdfast.settings.instance_classes import mysql_connections
from holdfast.settings.transaction_database import InstanceClass, TransactionDatabase

CLASSES: tuple[str, ...] = get_args(InstanceClass)
PLACEHOLDER = "ops@example.com"
WARNING_SHARE = 0.8

_BYTE = "([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
_CIDR = rf"^({_BYTE}\.){{3}}{_BYTE}(\/(1[6-9]|2[0-8]))$"
_NAME = "^[a-zA-Z][a-zA-Z0-9]*$"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
# With the longest name around it, aurora-enhanced-monitoring-role-, a role's 64 characters are used up.
_LONGEST_SUFFIX = 32


def parameters(settings: TransactionDatabase) -> dict[str, Body]:
    """Return the parameters in the order of the requirement."""
    network, database, alarms = settings.network, settings.database, settings.alarms
    return {
        "EnvironmentSuffix": _text(
            settings.environment,
            "Suffix of every name; prod and production switch deletion protection on",
            AllowedPattern="^[a-z0-9-]+$",
            MaxLength=_LONGEST_SUFFIX,
            ConstraintDescription="up to 32 lower-case letters, digits and inner, single hyphens (RDS takes no other)",
        ),
        "VpcCIDR": _cidr(network.cidr, "Range of the VPC"),
        **{
            f"PrivateSubnet{n}CIDR": _cidr(cidr, f"Range of private subnet {n}, a part of the VPC's")
            for n, cidr in enumerate(network.subnets, 1)
        },
        "DBInstanceClass": _text(database.instance_class, "Class of the three instances", AllowedValues=list(CLASSES)),
        "DBName": _name(database.name, "Database made with the cluster", 64),
        "DBMasterUsername": _name(database.username, "Name of the master user", 16),
        "BackupRetentionPeriod": _number(
            database.backup_days, "Days every moment of which can be restored", MinValue=7, MaxValue=35
        ),
        "PreferredBackupWindow": _text(
            database.backup_window, "When the daily backup begins, UTC", AllowedPattern=f"^{_CLOCK}-{_CLOCK}$"
        ),
        "PreferredMaintenanceWindow": _text(
            database.maintenance_window,
            "When AWS may patch and restart, UTC, apart from the backup window",
            AllowedPattern=f"^{_DAY}:{_CLOCK}-{_DAY}:{_CLOCK}$",
        ),
        "CPUAlarmThreshold": _number(alarms.cpu_percent, "CPU of an instance, percent", MinValue=1, MaxValue=100),
        "ConnectionAlarmThreshold": _number(alarms.connections, "Connections to the writer or to a reader", MinValue=1),
        "ReplicationLagThreshold": _number(alarms.replica_lag_ms, "Lag of a reader, milliseconds", MinValue=100),
        "AlarmEmailEndpoint": _text(
            settings.alerts[0] if settings.alerts else PLACEHOLDER,
            "Address every alarm goes to; it has to confirm once",
            AllowedPattern=r"^[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}$",
        ),
    }


def class_figures() -> dict[str, dict[str, int]]:
    """Return, by class, the connections at which the limit of its memory is near: 80 % of it."""
    limits = {name: mysql_connections(name) for name in CLASSES}
    return {name: {"ConnectionsWarning": int(limit * WARNING_SHARE)} for name, limit in limits.items() if limit}


def _text(default: str, description: str, **more: Any) -> Body:
    return {"Type": "String", "Default": default, "Description": description, **more}


def _number(default: int, description: str, **more: int) -> Body:
    return {"Type": "Number", "Default": default, "Description": description, **more}


def _cidr(default: str, description: str) -> Body:
    hint = "a range of IPv4 addresses from /16 to /28, as in 10.0.0.0/16"
    return _text(default, description, AllowedPattern=_CIDR, ConstraintDescription=hint)


def _name(default: str, description: str, longest: int) -> Body:
    return _text(default, description, MinLength=1, MaxLength=longest, AllowedPattern=_NAME)
