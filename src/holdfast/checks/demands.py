"""What is demanded of a system: the `checks:` and `promises:` of a settings file. A demand not made is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.settings.checks import ChecksSettings
    from holdfast.settings.platform import PlatformSettings
    from holdfast.settings.promises import Promises


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
    database_logs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    rpo: timedelta | None = None
    rto: timedelta | None = None
    retention: timedelta | None = None
    failover: timedelta | None = None
    availability: float | None = None
    users: int | None = None
    environment: str | None = None
    suppress: tuple[AcceptedFinding, ...] = ()
    rule_folders: tuple[Path, ...] = ()

    def made(self, name: str) -> bool:
        """Tell whether the demand called `name` is made."""
        value = getattr(self, name)
        return (value is not None and value is not False) or (name == "destroyable" and value is not None)


def demand_names() -> frozenset[str]:
    """Return the names a rule may put in its `demand`."""
    return frozenset(field.name for field in fields(Demands)) - {"suppress", "rule_folders"}


NOBODY_TO_TELL = AcceptedFinding(
    rule="ALM005", reason="the settings name no alerts, and the environment is not a protected one"
)


def from_file(path: Path, environ: Mapping[str, str]) -> Demands:
    """Return the demands of a settings file: a platform's, or one with only `checks:` and `promises:`.

    Raises:
        InvalidRequest: the file cannot be read, or is wrong.
    """
    from holdfast.settings.load import load, load_demands, read

    if "platform" in read(path).data:
        return from_platform(load(path, environ=environ), path.parent)
    settings = load_demands(path)
    return _demands(settings.checks, settings.promises, settings.promises.model_fields_set, path.parent)


def from_platform(settings: PlatformSettings, folder: Path = Path()) -> Demands:
    """Return what a platform's settings demand of its templates: their checks, and every promise, defaults too.

    Args:
        folder: where the settings file lies; folders of rules are relative to it.
    """
    demands = _demands(settings.checks, settings.promises, type(settings.promises).model_fields, folder)
    unheard = () if settings.alerts or settings.protected else (NOBODY_TO_TELL,)
    return replace(demands, environment=settings.environment, suppress=(*demands.suppress, *unheard))


def _demands(checks: ChecksSettings, promises: Promises, written: Iterable[str], folder: Path) -> Demands:
    kept = {name: getattr(promises, name) for name in written if name in demand_names()}
    same = ("environment_suffix", "backup_days", "log_days", "zones", "customer_keys", "alarm_recipients")
    return Demands(
        required_tags=_fixed(checks.required_tags),
        database_logs=_fixed(checks.database_logs),
        outputs=_fixed(checks.outputs),
        destroyable=checks.destroyable,
        region=checks.region,
        rule_folders=tuple(folder / one for one in checks.rules),
        suppress=tuple(
            AcceptedFinding(rule=s.rule, reason=s.reason, resource=s.resource, until=s.until) for s in checks.suppress
        ),
        **{name: getattr(checks, name) for name in same},
        **kept,
    )


def _fixed(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
