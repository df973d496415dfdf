"""What the steps share: what was asked for, the vault and its users, and everything the report will tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.backup.clock import SystemClock
from holdfast.platforms.promises import Promise as Derived
from holdfast.rehearsal.evidence import EvidenceFolder
from holdfast.rehearsal.measure_promises import Facts
from holdfast.rehearsal.measure_recovery import Ledger
from holdfast.rehearsal.ports import FunctionRuntime, NotTested
from holdfast.rehearsal.read_back import ReadBack
from holdfast.rehearsal.steps import Journal
from holdfast.rehearsal.steps_source import SourceBucket
from holdfast.rehearsal.steps_vault import Vault
from holdfast.report.model import Backup, Usage
from holdfast.settings.backup_engine import BackupSettings
from holdfast.vault.bundle import Bundle

POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to rehearse, and how. Without `users` all of `data`, or 1,000 generated ones."""

    out: Path
    settings: BackupSettings
    users: int | None = None
    data: Path | None = None
    files_per_user: float = 6.0
    change_percent: float = 1.0
    replication_lag_seconds: float = 2.0
    seed: str = "holdfast"
    strict: bool = False
    command: str = "holdfast rehearse backup-vault"


class RunClock(SystemClock):
    """The clock of this machine, with seconds that never go back and waiting for something to happen."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def until(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Return True as soon as it happened, False if it has not within `seconds`."""
        end = self.monotonic() + seconds
        while not happened():
            if self.monotonic() >= end:
                return False
            self.sleep(POLL_SECONDS)
        return True


@dataclass
class Told:
    """What the report is made of, beside the journal; filled as the run goes."""

    evidence: EvidenceFolder
    bundle: Bundle | None = None
    derived: list[Derived] = field(default_factory=list)
    read_back: list[ReadBack] = field(default_factory=list)
    runtimes: list[FunctionRuntime] = field(default_factory=list)
    untested: list[NotTested] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    replication_lag: list[float] = field(default_factory=list)
    usage: Usage | None = None
    facts: Facts = field(default_factory=Facts)
    requests: Mapping[str, int] = field(default_factory=dict)
    users: int = 0
    files: int = 0
    logical_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A deployed vault with its users, on which the steps play."""

    options: Options
    journal: Journal
    clock: RunClock
    told: Told
    work: Path
    vault: Vault
    source: SourceBucket
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def users(self) -> int:
        """Return how many users there are."""
        return len(self.source.held)
