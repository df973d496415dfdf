"""The weekly proof: every snapshot's structure, a sample of packs read back whole, one user's files restored."""

from __future__ import annotations

import random as random_module
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.backup.entry import Entry, Path
from holdfast.backup.ports import Record
from holdfast.backup.repository import Repository
from holdfast.backup.restore import RestoreSummary, restore
from holdfast.backup.targets import Content
from holdfast.backup.verify import VerifyReport, verify
from holdfast.errors import HoldfastError, IntegrityError
from holdfast.vault.log import log
from holdfast.vault.notices import Subject
from holdfast.vault.services import Context, Services, services

SHARE = 0.05
MOST_BYTES = 8 * 1024**3
"""What one invocation can read back in its time."""
NAMED = 20


def handler(_event: Mapping[str, Any], _context: Context) -> dict[str, Any]:
    """Verify a sample and really restore one snapshot; raise, after telling, if anything is not what was written."""
    return run(services(), random_module.SystemRandom())


def run(vault: Services, random: random_module.Random) -> dict[str, Any]:
    """Verify, count and tell."""
    try:
        return _run(vault, random)
    except Exception as error:
        log("verification failed", kind=type(error).__name__, error=str(error))
        try:
            vault.notices.tell(Subject.DAMAGED, error=str(error))
        except HoldfastError as untold:
            log("notice not sent", error=str(untold))
        raise


def _run(vault: Services, random: random_module.Random) -> dict[str, Any]:
    repository = vault.repository
    report = verify(repository, sample=share_of(repository), random=random)
    restored = restore_one(repository, random)
    problems = _problems(report, restored)
    answer = {
        "ok": not problems,
        "snapshots": report.snapshots,
        "packs": report.packs,
        "chunks": report.chunks,
        "bytesRead": report.bytes_read,
        "restored": restored.snapshot if restored else None,
        "restoredFiles": restored.files if restored else 0,
        "damage": problems[:NAMED],
    }
    log("verified", **answer)
    vault.count(
        VerifiedPacks=report.packs,
        VerifiedBytes=report.bytes_read,
        DamagedObjects=len(problems),
        RestoredFiles=restored.files if restored else 0,
    )
    if problems:
        raise IntegrityError(f"{len(problems)} things are not what was written: {'; '.join(problems[:NAMED])}")
    return answer


def share_of(repository: Repository) -> float:
    """Return the share of packs to read back: 5 %, less where that is more than one invocation can read."""
    total = sum(row.size for row in repository.index.packs())
    return min(SHARE, MOST_BYTES / total) if total else SHARE


def restore_one(repository: Repository, random: random_module.Random) -> RestoreSummary | None:
    """Restore a random user's random snapshot to nowhere, checking every file; None if there is no snapshot."""
    by_user: dict[str, list[Record]] = {}
    for record in repository.ledger.completed():
        by_user.setdefault(record.user, []).append(record)
    if not by_user:
        return None
    record = random.choice(by_user[random.choice(sorted(by_user))])
    return restore(repository, record.id, CheckingTarget(repository))


class CheckingTarget:
    """A target that keeps nothing: it computes each chunk's id anew and compares it, and the size, with the entry."""

    def __init__(self, repository: Repository) -> None:
        self._keyring = repository.keyring

    @property
    def warnings(self) -> Sequence[str]:
        """Nothing."""
        return ()

    def begin(self, root: Entry | None) -> None:
        """Do nothing."""

    def enter(self, path: Path) -> None:
        """Do nothing."""

    def leave(self, path: Path, entry: Entry | None) -> None:
        """Do nothing."""

    def write(self, path: Path, entry: Entry, content: Content) -> None:
        """Read the file to its end; raise IntegrityError where it is not what its entry says."""
        size = 0
        for at, piece in enumerate(content):
            size += piece if isinstance(piece, int) else len(piece)
            if entry.levels == 0 and (at >= len(entry.content) or entry.content[at] != self._item(piece)):
                raise IntegrityError(f"its piece {at} is not the one its entry names")
        if size != entry.size:
            raise IntegrityError(f"its content is {size} bytes, not the {entry.size} its entry says")

    def _item(self, piece: bytes | memoryview | int) -> object:
        return piece if isinstance(piece, int) else self._keyring.chunk_id(piece)

    def link(self, path: Path, entry: Entry, earlier: Path) -> bool:
        """Say no, so that the content is read."""
        return False

    def make(self, path: Path, entry: Entry) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _problems(report: VerifyReport, restored: RestoreSummary | None) -> list[str]:
    found = [f"{damage.object}: {damage.what}" for damage in report.damage]
    failed = restored.failed if restored else []
    return [*found, *(f"{one.path.decode(errors='replace')}: {one.reason}" for one in failed)]
