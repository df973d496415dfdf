"""What follows from settings and templates for each promise: a figure, its sum, and whether the promise is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.errors import InvalidRequest
from holdfast.platforms.registry import entry_of
from holdfast.settings.platform import PlatformSettings

Template = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One promise and its evidence.

    `derived`: every term of `sum` is in the template or in a page AWS publishes. `unproven`: there is no such sum, and
    `met` is None, until a rehearsal or a drill has `measured` it.
    """

    name: str
    promised: str
    value: str
    evidence: Literal["derived", "measured", "unproven"]
    met: bool | None
    sum: str


def derived(name: str, promised: str, value: str, met: bool, terms: str) -> Promise:
    """Return a promise that a sum proves kept or broken."""
    return Promise(name=name, promised=promised, value=value, evidence="derived", met=met, sum=terms)


def unproven(name: str, promised: str, reason: str) -> Promise:
    """Return a promise without a sum, and why there is none."""
    return Promise(name=name, promised=promised, value="not known", evidence="unproven", met=None, sum=reason)


def promises_of(settings: PlatformSettings, templates: Sequence[Template]) -> list[Promise]:
    """Return every promise of a platform; without `templates` those that need them are unproven."""
    found: list[Promise] = entry_of(settings.platform).promises()(settings, templates)
    return found


def refuse_what_cannot_be_kept(settings: PlatformSettings) -> None:
    """Pass settings whose promises the settings alone do not contradict.

    Raises:
        InvalidRequest: a promise cannot be kept; the line shows the sum.
    """
    for promise in promises_of(settings, ()):
        if promise.met is False:
            raise InvalidRequest(
                f"promises.{promise.name} is {promise.promised} but these settings give {promise.value}: {promise.sum}"
            )
