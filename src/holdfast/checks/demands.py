"""What is demanded of a system: the `checks:` and `promises:` of a settings file. A demand not made is None."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.settings.load import Demands as DemandSettings
    from holdfast.settings.platform import PlatformSettings


@dataclass(frozen=True, kw_only=True)
class AcceptedFinding:
    """A suppression in the settings: which rule, on which resource (None: all), why, until when."""

    rule: str
    reason: str
    resource: str | None = None
    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Demands:
    """Every demand is optional; rules that depend on one are silent without it."""

    required_tags: tuple[str, ...] | None = None
    environment_suffix: bool | None = None
    backup_days: int | None = None
    log_days: int | None = None
    zones: int | None = None
    customer_keys: bool | None = None
    alarm_recipients: int | None = None
    destroyable: bool | None = None
    region: str | None = None
    rpo: timedelta | None = None
    rto: timedelta | None = None
    retention: timedelta | None = None
    failover: timedelta | None = None
    availability: float | None = None
    users: int | None = None
    environment: str | None = None
    suppress: tuple[AcceptedFinding, ...] = ()

    def made(self, name: str) -> bool:
        """Tell whether the demand called `name` is made."""
        value = getattr(self, name)
        return (value is not None and value is not False) or (name == "destroyable" and value is not None)


def demand_names() -> frozenset[str]:
    """Return the names a rule may put in its `demand`."""
    return frozenset(field.name for field in fields(Demands) if field.name != "suppress")


def from_settings(
    settings: DemandSettings | PlatformSettings, *, whole: bool = False, environment: str | None = None
) -> Demands:
    """Return the demands of a settings file: of its promises those it writes, or with `whole` the defaults too.

    `whole` is for the file of a platform, which promises its defaults; a file of checks promises what it says.
    """
    checks, promises = settings.checks, settings.promises
    written = type(promises).model_fields if whole else promises.model_fields_set
    kept = {name: getattr(promises, name) for name in written if name in demand_names()}
    return Demands(
        required_tags=None if checks.required_tags is None else tuple(checks.required_tags),
        environment_suffix=checks.environment_suffix,
        backup_days=checks.backup_days,
        log_days=checks.log_days,
        zones=checks.zones,
        customer_keys=checks.customer_keys,
        alarm_recipients=checks.alarm_recipients,
        destroyable=checks.destroyable,
        region=checks.region,
        suppress=tuple(
            AcceptedFinding(rule=s.rule, reason=s.reason, resource=s.resource, until=s.until) for s in checks.suppress
        ),
        environment=environment,
        **kept,
    )
