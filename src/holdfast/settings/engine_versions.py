"""Aurora versions that can be created today, with the last day of their standard support. Pure.

Read on 2026-11-21: `docs/engine-versions.md` names the pages. A version that is not here is refused, so that neither
a retired version nor a mistyped one reaches a deployment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Engine = Literal["aurora-mysql", "aurora-postgresql"]

AS_OF = date(2026, 11, 21)


@dataclass(frozen=True, kw_only=True)
class EngineVersion:
    """One version as CloudFormation names it.

    `ends` is the last day of standard support: a long-term version's own, else that of its major version, before which
    AWS upgrades the minor version in a maintenance window.
    """

    engine: Engine
    version: str
    ends: date
    long_term: bool = False

    @property
    def major(self) -> str:
        """The part that names the parameter group's family: `8.0` or `15`."""
        parts = self.version.split(".")
        return ".".join(parts[:2]) if self.engine == "aurora-mysql" else parts[0]

    @property
    def family(self) -> str:
        """The family of its parameter groups, as in `aurora-postgresql15`."""
        return f"{self.engine}{self.major}"


def _mysql(*minors: str, long_term: bool = False) -> list[EngineVersion]:
    ends = date(2028, 4, 30)
    return [
        EngineVersion(engine="aurora-mysql", version=f"8.0.mysql_aurora.{minor}", ends=ends, long_term=long_term)
        for minor in minors
    ]


def _postgresql(*versions: str, ends: date, long_term: bool = False) -> list[EngineVersion]:
    return [EngineVersion(engine="aurora-postgresql", version=one, ends=ends, long_term=long_term) for one in versions]


VERSIONS: tuple[EngineVersion, ...] = (
    *_mysql("3.10.0", "3.10.1", "3.10.2", "3.10.3", "3.10.4", "3.10.5", "3.10.6", long_term=True),
    *_mysql("3.12.0", "3.13.0"),
    *_postgresql("15.10", ends=date(2028, 2, 29), long_term=True),
    *_postgresql("15.13", "15.14", "15.15", "15.17", "15.18", ends=date(2028, 2, 29)),
)
DEFAULT_MYSQL = "8.0.mysql_aurora.3.10.4"
DEFAULT_POSTGRESQL = "15.10"


def version_of(engine: Engine, version: str) -> EngineVersion:
    """Return the entry of a version on offer.

    Raises:
        ValueError: it is not on offer; the text says what is, as in `must be <text>`.
    """
    for one in VERSIONS:
        if (one.engine, one.version) == (engine, version):
            return one
    raise ValueError(f"a version of {engine} on offer: {', '.join(one.version for one in offered(engine))}")


def offered(engine: Engine) -> list[EngineVersion]:
    """Return the versions of an engine that can be created, long-term ones first."""
    return [one for one in VERSIONS if one.engine == engine]
