"""What the settings of every Aurora platform share: versions, windows, ranges of addresses, promises."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from holdfast.settings.engine_versions import Engine, offered, version_of
from holdfast.settings.fields import Duration, Section, between, conflict, refuse
from holdfast.settings.promises import Promises

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_DAILY = re.compile(f"{_CLOCK}-{_CLOCK}")
_WEEKLY = re.compile(f"({'|'.join(_DAYS)}):{_CLOCK}-({'|'.join(_DAYS)}):{_CLOCK}")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60
_SHORTEST_WINDOW = 30
MOST_CAPACITY = 256

# Regions that offer a new account fewer than three availability zones.
# Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html
_ZONES = {"us-west-1": 2}

# Ranges that belong to nobody on the internet, RFC 1918 and RFC 6598, and that a VPC takes.
# Source: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
_PRIVATE = tuple(
    ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)

# Names of master users that RDS refuses.
# Source: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html
_RESERVED: dict[Engine, frozenset[str]] = {
    "aurora-mysql": frozenset({"rdsadmin"}),
    "aurora-postgresql": frozenset({"rdsadmin", "admin", "user"}),
}

# What CloudWatch Logs can keep, in days.
# Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


class DatabasePromises(Promises):
    """What the owner of a database is promised; the users of a backup system do not apply."""

    rpo: Duration = Field(default=timedelta(minutes=5), description="Data we may lose at most, in time.")
    failover: Duration | None = Field(
        default=timedelta(minutes=2), description="Time until a reader has taken over from a writer that fails."
    )
    retention: Duration = Field(
        default=timedelta(days=7), description="Every moment younger than this can be restored. Whole days."
    )


def _on_offer(engine: Engine) -> tuple[BeforeValidator, WithJsonSchema]:
    def read(value: Any) -> Any:
        if isinstance(value, int | float):
            raise refuse(f"text in quotes, because YAML reads 15.10 as the number 15.1: {offered(engine)[0].version!r}")
        try:
            version_of(engine, str(value))
        except ValueError as error:
            raise refuse(str(error)) from error
        return str(value)

    names = [one.version for one in offered(engine)]
    return BeforeValidator(read), WithJsonSchema({"type": "string", "enum": names})


def _read_with(pattern: re.Pattern[str], allowed: str) -> tuple[BeforeValidator, WithJsonSchema]:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise refuse(allowed)
        return value

    return BeforeValidator(read), WithJsonSchema({"type": "string", "pattern": f"^{pattern.pattern}$"})


def _network(value: Any) -> Any:
    try:
        found = ipaddress.IPv4Network(str(value))
    except ValueError as error:
        raise refuse("a range of IPv4 addresses whose host bits are zero, as in 10.0.0.0/16") from error
    inside = any(found.subnet_of(whole) for whole in _PRIVATE)
    if not inside or not 16 <= found.prefixlen <= 28:
        raise refuse("a private IPv4 range between /16 and /28, as in 10.0.0.0/16")
    return str(value)


def _log_days(value: Any) -> Any:
    if isinstance(value, bool) or value not in LOG_DAYS:
        raise refuse(f"a number of days CloudWatch Logs can keep: {', '.join(map(str, LOG_DAYS))}")
    return value


def _capacity(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0.5 <= value <= MOST_CAPACITY or value * 2 % 1:
        raise refuse(f"Aurora capacity units in steps of 0.5, 0.5 to {MOST_CAPACITY}")
    return float(value)


# A version on offer: docs/engine-versions.md.
MysqlVersion = Annotated[str, *_on_offer("aurora-mysql")]
PostgresqlVersion = Annotated[str, *_on_offer("aurora-postgresql")]
DailyWindow = Annotated[str, *_read_with(_DAILY, "hh:mm-hh:mm in UTC, as in 03:00-04:00")]
WeeklyWindow = Annotated[str, *_read_with(_WEEKLY, "ddd:hh:mm-ddd:hh:mm in UTC, as in sun:04:00-sun:05:00")]
Capacity = Annotated[float, BeforeValidator(_capacity), WithJsonSchema({"type": "number", "multipleOf": 0.5})]
Cidr = Annotated[str, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
LogDays = Annotated[int, BeforeValidator(_log_days), WithJsonSchema({"type": "integer", "enum": list(LOG_DAYS)})]
InstanceClass = Annotated[
    str,
    *_read_with(
        re.compile(r"db\.[rtx][0-9][a-z0-9]*\.(medium|large|[0-9]*xlarge)"),
        "an Aurora instance class, as in db.r6g.large",
    ),
]
DatabaseName = Annotated[
    str, *_read_with(re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}"), "a letter, then up to 62 letters, digits or _")
]
UserName = Annotated[
    str, *_read_with(re.compile(r"[A-Za-z][A-Za-z0-9_]{0,15}"), "a letter, then up to 15 letters, digits or _")
]


class ClusterSection(Section):
    """What every cluster is asked for, whatever its engine and size; a platform has its own defaults."""

    readers: int = between(0, 15, 1, description="Readers, which take over from the writer in order.")
    backup_days: int = between(1, 35, 7, description="How long every moment can be restored.")
    backup_window: DailyWindow = Field(default="03:00-04:00", description="When the daily backup begins (UTC).")
    maintenance_window: WeeklyWindow = Field(
        default="sun:04:00-sun:05:00", description="When AWS may patch and restart (UTC)."
    )
    log_days: LogDays = Field(default=30, description="How long exported logs are kept.")
    monitoring_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = Field(
        default=60, description="Period of enhanced monitoring; 0 switches it off."
    )
    insights: Literal["standard", "advanced", "none"] = Field(
        default="standard", description="Mode of Database Insights; standard keeps 7 days at no charge."
    )
    rotation_days: int = between(1, 365, 30, description="Age at which the master password is changed.")

    @model_validator(mode="after")
    def _windows_apart(self) -> Self:
        check_windows(self.backup_window, self.maintenance_window)
        return self


def check_subnets(whole: str, parts: Sequence[str], *, zones: int, key: str) -> None:
    """Pass subnets, one a zone, that lie in `whole` and apart from each other.

    Raises:
        PydanticCustomError: there are more or fewer, or one does not; the line names both ranges.
    """
    if len(parts) != zones:
        raise conflict(f"{key} must be {zones} ranges, one a zone, got {len(parts)}")
    network = ipaddress.IPv4Network(whole)
    seen: list[str] = []
    for part in parts:
        subnet = ipaddress.IPv4Network(part)
        if not subnet.subnet_of(network):
            raise conflict(f"{key} {part} does not lie in {whole}: choose a part of it")
        for other in seen:
            if subnet.overlaps(ipaddress.IPv4Network(other)):
                raise conflict(f"{key} {part} overlaps {other}: choose ranges that lie apart")
        seen.append(part)


def check_room(whole: str, *, subnets: int, bits: int, key: str) -> None:
    """Pass a range that `subnets` subnets of prefix length `bits` fit into.

    Raises:
        PydanticCustomError: they do not; the line says how many do.
    """
    prefix = ipaddress.IPv4Network(whole).prefixlen
    fits = 2 ** (bits - prefix) if prefix <= bits else 0
    if fits < subnets:
        raise conflict(f"{key} {whole} has room for {fits} subnets of /{bits} and {subnets} are needed: widen it")


def check_windows(daily: str, weekly: str) -> None:
    """Pass a backup window and a maintenance window that RDS accepts: long enough, and never at the same time.

    Raises:
        PydanticCustomError: they overlap, or one is shorter than 30 minutes.
    """
    backup, maintenance = _minutes_of_day(daily), _minutes_of_week(weekly)
    for key, text, (_, length) in (("backup_window", daily, backup), ("maintenance_window", weekly, maintenance)):
        if length < _SHORTEST_WINDOW:
            raise conflict(f"database.{key} {text} lasts {length} minutes: RDS needs {_SHORTEST_WINDOW} or more")
    busy = {(maintenance[0] + minute) % _WEEK % _DAY for minute in range(min(maintenance[1], _DAY))}
    if any((backup[0] + minute) % _DAY in busy for minute in range(backup[1])):
        raise conflict(
            f"database.backup_window {daily} overlaps database.maintenance_window {weekly}: RDS refuses that; move one"
        )


def check_user(engine: Engine, name: str) -> None:
    """Pass a name that the engine leaves to its master user.

    Raises:
        PydanticCustomError: RDS keeps it for itself, or PostgreSQL does.
    """
    if name.lower() in _RESERVED[engine] or (engine == "aurora-postgresql" and name.lower().startswith("pg_")):
        raise conflict(f"database.username {name} is reserved by {engine}: choose another, as in dbadmin")


def check_zones(region: str, wanted: int) -> None:
    """Pass a region that has `wanted` availability zones.

    Raises:
        PydanticCustomError: it has fewer.
    """
    there = _ZONES.get(region, wanted)
    if there < wanted:
        raise conflict(f"region {region} has {there} availability zones and {wanted} are needed: choose another region")


def _minutes_of_day(text: str) -> tuple[int, int]:
    """Return (start, length) in minutes."""
    found = _DAILY.fullmatch(text)
    assert found
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    return start, (end - start) % _DAY


def _minutes_of_week(text: str) -> tuple[int, int]:
    found = _WEEKLY.fullmatch(text)
    assert found
    start = _DAYS.index(found[1]) * _DAY + int(found[2]) * 60 + int(found[3])
    end = _DAYS.index(found[4]) * _DAY + int(found[5]) * 60 + int(found[6])
    return start, (end - start) % _WEEK
