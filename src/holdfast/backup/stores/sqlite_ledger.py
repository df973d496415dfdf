"""The ledger in SQLite: the epoch, a record of each session, locks by name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.stores.sqlite_file import LOOKUP_BATCH, SqliteFile, changed, epoch_of, marks
from holdfast.errors import Conflict, LeaseLost

PAGE = 16
"""Records read at a time by who mostly wants the newest."""
RECORD_COLUMNS = "id, user, host, start, lease_until, epoch, parent, status, finished, figures"


class SqliteLedger(SqliteFile):
    """A ledger; each change is one durable transaction."""

    def epoch(self) -> int:
        """Return the current epoch, 1 at first."""
        return int(self._read("SELECT epoch FROM epochs")[0][0])

    def advance_epoch(self) -> int:
        """Add one to the epoch, atomically, and return the new one."""

        def change(db: sqlite3.Connection) -> int:
            db.execute("UPDATE epochs SET epoch = epoch + 1")
            return epoch_of(db)

        return self._write(change)

    def begin(self, record: Record) -> None:
        """Write a RUNNING record; raise Conflict if the id exists."""
        if not self._write(lambda db: _insert_record(db, record)):
            raise Conflict(f"session {record.id} exists already; begin one with another id")

    def import_record(self, record: Record) -> None:
        """Write a record as it is, if the id is absent."""
        self._write(lambda db: _insert_record(db, record))

    def heartbeat(
        self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, int | float | str] | None = None
    ) -> None:
        """Extend the lease, with new figures if given; raise LeaseLost if the record is no longer RUNNING."""
        sql = "UPDATE records SET lease_until = ?, figures = coalesce(?, figures) WHERE id = ? AND status = 'RUNNING'"
        noted = None if figures is None else json.dumps(dict(figures))
        if not self._write(lambda db: changed(db, sql, (_text(lease_until), noted, id_))):
            raise _lost(id_)

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        """RUNNING -> `status`; repeating a finish that stands is fine; raise LeaseLost if it was not RUNNING."""

        def change(db: sqlite3.Connection) -> bool:
            return changed(
                db,
                "UPDATE records SET status = ?, finished = ?, figures = ? WHERE id = ? AND status = 'RUNNING'",
                (status, _text(finished), json.dumps(dict(figures)), id_),
            ) or bool(db.execute("SELECT 1 FROM records WHERE id = ? AND status = ?", (id_, status)).fetchone())

        if not self._write(change):
            raise _lost(id_)

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        """RUNNING with a lease that ended before `now` -> ABANDONED; False if it was not so."""
        sql = (
            "UPDATE records SET status = 'ABANDONED', finished = ? "
            "WHERE id = ? AND status = 'RUNNING' AND lease_until < ?"
        )
        return self._write(lambda db: changed(db, sql, (_text(now), id_, _text(now))))

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        """Return the records that exist."""
        found: list[Record] = []
        rest = iter(ids)
        while batch := list(islice(rest, LOOKUP_BATCH)):
            found += self._records(f"id IN ({marks(batch)})", batch)
        return {record.id: record for record in found}

    def active(self) -> list[Record]:
        """Return every RUNNING record."""
        return self._records("status = 'RUNNING'", ())

    def completed(self, user: str | None = None) -> list[Record]:
        """Return COMPLETED records, newest first by (start, id); of one user if given."""
        where, parameters = ("", []) if user is None else (" AND user = ?", [user])
        return self._records(f"status = 'COMPLETED'{where} ORDER BY start DESC, id DESC", parameters)

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        """Yield one user's COMPLETED records of one host, newest first, a few read at a time."""
        where = "status = 'COMPLETED' AND user = ? AND host = ? ORDER BY start DESC, id DESC LIMIT ? OFFSET ?"
        taken = 0
        while page := self._records(where, (user, host, PAGE, taken)):
            yield from page
            taken += len(page)

    def ended(self) -> list[Record]:
        """Return every FORGOTTEN, FAILED or ABANDONED record that was not retired."""
        return self._records("status IN ('FORGOTTEN', 'FAILED', 'ABANDONED') AND expires IS NULL", ())

    def _records(self, where: str, parameters: Sequence[Any]) -> list[Record]:
        rows = self._read(f"SELECT {RECORD_COLUMNS} FROM records WHERE {where}", parameters)  # noqa: S608 - only marks
        return [_to_record(row) for row in rows]

    def forget(self, ids: Collection[SnapshotId]) -> None:
        """COMPLETED -> FORGOTTEN for each; others are left as they are."""
        sql = "UPDATE records SET status = 'FORGOTTEN' WHERE id = ? AND status = 'COMPLETED'"
        self._write(lambda db: db.executemany(sql, [(id_,) for id_ in ids]))

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        """Let ended records vanish after `expires`; those whose time has come go now."""
        sql = (
            "UPDATE records SET expires = ? WHERE id = ? AND expires IS NULL "
            "AND status IN ('FORGOTTEN', 'FAILED', 'ABANDONED')"
        )

        def change(db: sqlite3.Connection) -> None:
            db.executemany(sql, [(_text(expires), id_) for id_ in ids])
            db.execute("DELETE FROM records WHERE expires < ?", (_text(self._now()),))

        self._write(change)

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        """Take or extend the named exclusive lock until `until`; raise Conflict if another holds it beyond `now`."""

        def change(db: sqlite3.Connection) -> tuple[str, str] | None:
            held: tuple[str, str] | None = db.execute(
                "SELECT owner, until FROM locks WHERE name = ? AND owner != ? AND until > ?", (name, owner, _text(now))
            ).fetchone()
            if held is None:
                db.execute("INSERT OR REPLACE INTO locks VALUES (?, ?, ?)", (name, owner, _text(until)))
            return held

        if held := self._write(change):
            from holdfast.backup.exclusion import already_held  # only who is refused needs it

            raise already_held(name, *held)

    def unlock(self, name: str, owner: str) -> None:
        """Release the lock if this owner holds it."""
        sql = "DELETE FROM locks WHERE name = ? AND owner = ?"
        self._write(lambda db: changed(db, sql, (name, owner)))


def _insert_record(db: sqlite3.Connection, record: Record) -> bool:
    return changed(
        db,
        f"INSERT OR IGNORE INTO records ({RECORD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            record.id,
            record.user,
            record.host,
            _text(record.start),
            _text(record.lease_until),
            record.epoch,
            record.parent,
            record.status,
            record.finished and _text(record.finished),
            json.dumps(dict(record.figures)),
        ),
    )


def _to_record(row: Sequence[Any]) -> Record:
    id_, user, host, start, lease_until, epoch, parent, status, finished, figures = row
    return Record(
        id=SnapshotId(id_),
        user=user,
        host=host,
        start=datetime.fromisoformat(start),
        lease_until=datetime.fromisoformat(lease_until),
        epoch=epoch,
        parent=parent and SnapshotId(parent),
        status=Status(status),
        finished=finished and datetime.fromisoformat(finished),
        figures=json.loads(figures),
    )


def _text(time_: datetime) -> str:
    return time_.astimezone(UTC).isoformat(timespec="microseconds")


def _lost(id_: SnapshotId) -> LeaseLost:
    return LeaseLost(f"session {id_} is no longer RUNNING: its lease ended; run the backup again")
