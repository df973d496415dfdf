"""What a loss really cost: acknowledged files against what the replica gave back. Pure functions of what was recorded.

The ledger is kept by the one who gave the files, not by the system under test: a file counts as acknowledged when the
snapshot that holds it was reported COMPLETED, and as safe only if its bytes came back. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Version:
    """A file's content as its owner put it: digest and size, and when it was put."""

    sha256: str
    size: int
    put_at: float


Files = Mapping[str, Version]
"""path below the user's folder -> version"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """One snapshot that was reported complete: what it must contain, and when that was promised."""

    snapshot: str
    user: str
    day: str
    at: float
    files: Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back for one user: the snapshot used and the digest of every file found on disk."""

    user: str
    snapshot: str
    files: Mapping[str, tuple[str, int]]  # path -> (sha256, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that did not come back as acknowledged."""

    user: str
    path: str
    what: str  # missing | different | unexpected
    snapshot: str


@dataclass(slots=True)
class Ledger:
    """Remembers what each user's folder held when a day's run began, and which snapshots of it were acknowledged."""

    expected: dict[tuple[str, str], Files] = field(default_factory=dict)
    acknowledged: dict[str, Acknowledged] = field(default_factory=dict)

    def expect(self, day: str, corpus: Mapping[str, Files]) -> None:
        """Freeze what a snapshot of `day` must hold."""
        for user, files in corpus.items():
            self.expected[day, user] = dict(files)

    def acknowledge(self, *, snapshot: str, user: str, day: str, at: float) -> Acknowledged:
        """Record that the system reported this user's snapshot of `day` complete."""
        entry = Acknowledged(snapshot=snapshot, user=user, day=day, at=at, files=self.expected[day, user])
        self.acknowledged[snapshot] = entry
        return entry

    def newest_before(self, moment: float) -> dict[str, Acknowledged]:
        """Return each user's last acknowledgement up to `moment`."""
        newest: dict[str, Acknowledged] = {}
        for entry in sorted(self.acknowledged.values(), key=lambda entry: entry.at):
            if entry.at <= moment:
                newest[entry.user] = entry
        return newest


def compare(acknowledged: Acknowledged, restored: Restored) -> list[Difference]:
    """Return every file that differs between what a snapshot was acknowledged to hold and what came back."""
    found = []
    for path in sorted(acknowledged.files.keys() | restored.files.keys()):
        wanted, got = acknowledged.files.get(path), restored.files.get(path)
        what = ""
        if got is None:
            what = "missing"
        elif wanted is None:
            what = "unexpected"
        elif (wanted.sha256, wanted.size) != got:
            what = "different"
        if what:
            found.append(Difference(user=acknowledged.user, path=path, what=what, snapshot=acknowledged.snapshot))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """One file version that existed before the loss and that the replica cannot give back."""

    user: str
    path: str
    size: int
    age: float  # seconds from its acknowledgement (or, if it had none, from its put) to the loss
    acknowledged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the loss cost. The recovery point measured is `window_seconds`, the age of the oldest change lost."""

    lost_acknowledged: Sequence[Lost]
    lost_unacknowledged: Sequence[Lost]
    users_behind: int  # users whose newest recovery point is older than their last acknowledgement
    window_seconds: float

    @property
    def oldest_acknowledged_seconds(self) -> float:
        """Return the age of the oldest acknowledged version that is gone, 0 if none is."""
        return max((lost.age for lost in self.lost_acknowledged), default=0.0)


def exposure(
    *, source: Mapping[str, Files], promised: Mapping[str, Acknowledged], restored: Iterable[Restored], lost_at: float
) -> Exposure:
    """Compare what users had at `lost_at` with what came back from the replica.

    Args:
        source: every user's files at the moment of the loss.
        promised: each user's last acknowledgement before it.
        restored: what the replica gave back.
    """
    back = {one.user: one for one in restored}
    acknowledged, unacknowledged = [], []
    oldest = 0.0
    for user, files in source.items():
        held = back[user].files if user in back else {}
        entry = promised.get(user)
        for path, version in files.items():
            if held.get(path) == (version.sha256, version.size):
                continue
            oldest = max(oldest, lost_at - version.put_at)
            known = entry.files.get(path) if entry else None
            if entry and known and known.sha256 == version.sha256:
                acknowledged.append(_lost(user, path, version, lost_at - entry.at, acknowledged=True))
            else:
                unacknowledged.append(_lost(user, path, version, lost_at - version.put_at, acknowledged=False))
    behind = sum(user not in back or back[user].snapshot != entry.snapshot for user, entry in promised.items())
    return Exposure(
        lost_acknowledged=acknowledged,
        lost_unacknowledged=unacknowledged,
        users_behind=behind,
        window_seconds=oldest,
    )


def _lost(user: str, path: str, version: Version, age: float, *, acknowledged: bool) -> Lost:
    return Lost(user=user, path=path, size=version.size, age=age, acknowledged=acknowledged)
