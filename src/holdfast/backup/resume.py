"""Going on where an attempt reached its deadline or was stopped: its record notes the roots of what it had stored.

They are a hint and nothing more. No manifest names them, so prune may collect what they lead to; the next attempt
therefore looks up everything below them, after its own record is written, and drops the hint if anything is not usable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.reader import ChunkReader
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import sources_token
from holdfast.backup.tree import references
from holdfast.errors import IntegrityError

LOOKUP = 1000
ROOTS, SOURCES = "roots", "sources"


def notes_of(repository: Repository, paths: Sequence[bytes], roots: Sequence[tuple[ChunkId, ...]]) -> dict[str, str]:
    """Return the figures that note `roots`, those of the first of `paths` and so on."""
    text = ";".join(",".join(node.hex() for node in nodes) for nodes in roots)
    return {ROOTS: text, SOURCES: sources_token(repository.keyring, paths)}


def last_interrupted(repository: Repository, user: str, host: str, paths: Sequence[bytes]) -> SnapshotId | None:
    """Return the newest attempt of this user, host and paths that was stopped after their newest snapshot."""
    token = sources_token(repository.keyring, paths)

    def starts(records: Iterable[Record]) -> dict[datetime, SnapshotId]:
        return {one.start: one.id for one in records if one.host == host and one.figures.get(SOURCES) == token}

    noted = [one for one in repository.ledger.ended() if one.status is Status.FAILED and ROOTS in one.figures]
    stopped = starts(one for one in noted if one.user == user)
    newest = max(stopped, default=None)
    done = max(starts(repository.ledger.completed(user)), default=None)
    return stopped[newest] if newest is not None and (done is None or newest > done) else None


def interrupted_roots(
    repository: Repository, attempt: SnapshotId | None, paths: Sequence[bytes]
) -> Mapping[bytes, tuple[ChunkId, ...]]:
    """Return the roots that a failed attempt at the same paths noted, by path; nothing if any of it is not usable."""
    record = repository.ledger.get([attempt]).get(attempt) if attempt else None
    if record is None or record.status is not Status.FAILED:
        return {}
    text = record.figures.get(ROOTS)
    if not isinstance(text, str) or record.figures.get(SOURCES) != sources_token(repository.keyring, paths):
        return {}
    try:
        roots = [tuple(ChunkId(bytes.fromhex(node)) for node in part.split(",") if node) for part in text.split(";")]
    except ValueError:
        return {}
    usable = all_usable(repository, [node for nodes in roots for node in nodes])
    return dict(zip(paths, roots, strict=False)) if usable else {}


def all_usable(repository: Repository, roots: Iterable[ChunkId]) -> bool:
    """Say whether every chunk that these nodes lead to, and they themselves, may be referred to by a new snapshot."""
    try:
        found = references(ChunkReader(repository), roots, set())
        while batch := list(islice(found, LOOKUP)):
            if len(repository.index.usable(batch)) < len(batch):
                return False
    except IntegrityError:
        return False  # a node went with its pack
    return True
