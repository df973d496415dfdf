"""Going on where an attempt was stopped or killed, or reached its deadline: its record notes what it had stored.

They are a hint and nothing more. Prune keeps what they lead to for a while, but no manifest names them and nothing
depends on it: the next attempt looks up everything below them, after its own record is written, and drops the hint if
anything is not usable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.outset import Outset
from holdfast.backup.ports import Ledger, Record, Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import sources_token
from holdfast.backup.tree import references
from holdfast.errors import IntegrityError

LOOKUP = 1000
NOTES_KEPT = timedelta(days=7)
"""After an attempt's end prune keeps what it noted for so long: over a weekend off, not for who never comes back."""
ROOTS, SOURCES, NOTED = "roots", "sources", "noted"
NOTING = frozenset({Status.RUNNING, Status.FAILED, Status.ABANDONED})
"""Who may have left notes: also a session that seems to be at work still, whose process was killed a moment ago."""


NEVER = datetime.min.replace(tzinfo=UTC)


def notes_of(
    repository: Repository, paths: Sequence[bytes], roots: Sequence[tuple[ChunkId, ...]], size: int
) -> dict[str, int | str]:
    """Return the figures that note `roots`, those of the first of `paths` and so on, which hold `size` bytes."""
    text = ";".join(",".join(node.hex() for node in nodes) for nodes in roots)
    return {ROOTS: text, SOURCES: sources_token(repository.keyring, paths), NOTED: size}


def bytes_noted(record: Record) -> int:
    """Return how many bytes of files an attempt's notes lead to; -1 if it has left none."""
    if record.status not in NOTING or ROOTS not in record.figures:
        return -1
    noted = record.figures.get(NOTED, 0)
    return noted if isinstance(noted, int) else 0


def last_interrupted(
    repository: Repository, user: str, host: str, paths: Sequence[bytes], outset: Outset | None = None
) -> SnapshotId | None:
    """Return the attempt of this user, host and paths, since their newest snapshot, that has noted most.

    What `outset` holds is not read again.
    """
    token = sources_token(repository.keyring, paths)

    def alike(records: Iterable[Record]) -> list[Record]:
        return [one for one in records if _origin(one) == (user, host, token)]

    noting = outset.noting if outset else chain(repository.ledger.ended(), repository.ledger.active())
    noted = [one for one in alike(noting) if bytes_noted(one) >= 0]
    if not noted:
        return None
    done = next((one.start for one in alike(repository.ledger.completed_by(user, host))), None)
    later = [one for one in noted if done is None or one.start > done]
    return max(later, key=lambda one: (bytes_noted(one), one.start)).id if later else None


def interrupted_roots(
    repository: Repository, attempt: SnapshotId | None, paths: Sequence[bytes]
) -> Mapping[bytes, tuple[ChunkId, ...]]:
    """Return the roots that an attempt at the same paths noted, by path; nothing if any of it is not usable."""
    record = repository.ledger.get([attempt]).get(attempt) if attempt else None
    if record is None or record.figures.get(SOURCES) != sources_token(repository.keyring, paths):
        return {}
    roots = roots_noted(record)
    usable = all_usable(repository, [node for nodes in roots for node in nodes])
    return dict(zip(paths, roots, strict=False)) if usable else {}


def roots_noted(record: Record) -> list[tuple[ChunkId, ...]]:
    """Return the roots that an attempt noted, those of its first path and so on; none if it noted none."""
    text = record.figures.get(ROOTS)
    if bytes_noted(record) < 0 or not isinstance(text, str):
        return []
    try:
        return [tuple(ChunkId(bytes.fromhex(node)) for node in part.split(",") if node) for part in text.split(";")]
    except ValueError:
        return []


def worth_keeping(ledger: Ledger, ended: Iterable[Record], now: datetime) -> list[Record]:
    """Return the ended attempts that a next one may go on with: of each user, host and sources the one noted most.

    Left out are those that ended long ago, and those since which there is a snapshot.
    """
    noted = [
        one for one in ended if bytes_noted(one) >= 0 and one.finished is not None and now < one.finished + NOTES_KEPT
    ]
    since: dict[tuple[object, ...], datetime] = {}
    for done in ledger.completed() if noted else ():
        since[_origin(done)] = max(done.start, since.get(_origin(done), done.start))
    best: dict[tuple[object, ...], Record] = {}
    for one in sorted(noted, key=lambda one: (bytes_noted(one), one.start)):
        if one.start > since.get(_origin(one), NEVER):
            best[_origin(one)] = one
    return list(best.values())


def _origin(record: Record) -> tuple[object, ...]:
    return record.user, record.host, record.figures.get(SOURCES)


def all_usable(repository: Repository, roots: Iterable[ChunkId]) -> bool:
    """Say whether every chunk that these nodes lead to, and they themselves, may be referred to by a new snapshot."""
    try:
        found = references(ChunkReader(repository), roots, set(), repeating=True)
        while batch := set(islice(found, LOOKUP)):
            if len(repository.index.usable(batch)) < len(batch):
                return False
    except IntegrityError:
        return False  # a node went with its pack
    return True
