"""The ledger in the metadata table: each record under its id and start, and consistent lists of them beside it.

The table's indexes lag behind, so no decision rests on them. A session is in one of three partitions instead (at work,
completed, ended), moved in the same transaction as its record; a pointer gives the start, which is half of the key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.backup.exclusion import already_held
from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.stores.aws.dynamodb import (
    MOST_ACTIONS,
    Action,
    Cancelled,
    Item,
    Table,
    grouped,
    number,
    text,
    transact,
)
from holdfast.backup.stores.aws.patience import Patience
from holdfast.backup.stores.aws.rows import (
    ACTIVE,
    COMPLETED,
    ENDED,
    EXPIRES,
    ID,
    POINTER,
    TIME,
    completed_sort,
    figures_item,
    ledger_key,
    record_item,
    record_of,
    time_text,
    user_tag,
)
from holdfast.errors import Conflict, LeaseLost

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_STARTS = 100_000
ACTIONS_A_CHANGE = 3
RUNNING_ONLY = "#status = :running"
ENDINGS = (Status.FORGOTTEN, Status.FAILED, Status.ABANDONED)


class DynamoLedger:
    """Who is at work, and which snapshots are acknowledged; `table` is the name of the metadata table."""

    def __init__(self, client: DynamoDBClient, table: str, *, patience: Patience | None = None) -> None:
        self._client = client
        self._patience = patience or Patience()
        self._table = Table(client, table, self._patience)
        self._begun: dict[SnapshotId, Record] = {}
        self._starts: dict[SnapshotId, str] = {}

    def epoch(self) -> int:
        """Return the current epoch, 1 at first."""
        item = self._table.get(ledger_key("epoch"))
        return int(item["value"]["N"]) if item else 1

    def advance_epoch(self) -> int:
        """Add one to the epoch, atomically, and return the new one."""
        item = self._table.update(
            ledger_key("epoch"),
            "SET #value = if_not_exists(#value, :one) + :one",
            f"attribute_exists({ID}) OR attribute_not_exists({ID})",
            {"#value": "value"},
            {":one": number(1)},
        )
        assert item is not None
        return int(item["value"]["N"])

    def begin(self, record: Record) -> None:
        """Write a RUNNING record, its pointer and its line in the list of sessions at work, together."""
        try:
            transact(self._client, self._new(record), self._patience)
        except Cancelled:
            raise Conflict(f"session {record.id} exists already; begin one with another id") from None
        self._begun[record.id] = record

    def _new(self, record: Record) -> list[Action]:
        absent = f"attribute_not_exists({ID})"
        pointer = {**ledger_key(record.id, POINTER), "start": text(time_text(record.start))}
        return [
            self._put(pointer, ConditionExpression=absent),
            self._put(record_item(record)),
            self._put(self._line(record)),
        ]

    def _line(self, record: Record) -> dict[str, Any]:
        return record_item(record, *_line_key(record))

    def heartbeat(
        self, id_: SnapshotId, lease_until: datetime, figures: Mapping[str, int | float | str] | None = None
    ) -> None:
        """Extend the lease, with new figures if given; LeaseLost if the record is no longer RUNNING."""
        record = self._known(id_)
        noted = {} if figures is None else {":figures": figures_item(figures)}
        extended = record and self._table.update(
            _record_key(record),
            "SET leaseUntil = :until" + (", figures = :figures" if noted else ""),
            RUNNING_ONLY,
            {"#status": "status"},
            {":until": text(time_text(lease_until)), ":running": text(Status.RUNNING), **noted},
        )
        if not record or not extended:
            raise _lost(id_)
        if id_ in self._begun:
            self._begun[id_] = record._replace(lease_until=lease_until)

    def finish(
        self, id_: SnapshotId, status: Status, finished: datetime, figures: Mapping[str, int | float | str]
    ) -> None:
        """RUNNING -> `status`, and from the list of sessions at work to another; repeating a finish is fine."""
        record = self._known(id_)
        if record is None:
            raise _lost(id_)
        ended = record._replace(status=status, finished=finished, figures=figures)
        try:
            transact(self._client, self._change(Status.RUNNING, ended), self._patience)
        except Cancelled:
            now = self.get([id_]).get(id_)
            if now is None or now.status is not status:
                raise _lost(id_) from None
        self._begun.pop(id_, None)

    def _change(self, before: Status, record: Record, condition: str = "", **values: str) -> list[Action]:
        """Return the actions that give a record its new status, and take it from one list to another."""
        assert record.finished is not None
        update = {
            "TableName": self._table.name,
            "Key": _record_key(record),
            "UpdateExpression": "SET #status = :to, finished = :finished, figures = :figures",
            "ConditionExpression": f"#status = :before{condition}",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":before": text(before),
                ":to": text(record.status),
                ":finished": text(time_text(record.finished)),
                ":figures": figures_item(record.figures),
                **{f":{name}": text(value) for name, value in values.items()},
            },
        }
        line = self._delete(ledger_key(*_line_key(record._replace(status=before))))
        return [{"Update": update}, line, self._put(self._line(record))]

    def abandon(self, id_: SnapshotId, now: datetime) -> bool:
        """RUNNING with a lease that ended before `now` -> ABANDONED; False if it was not so."""
        record = self.get([id_]).get(id_)
        if record is None or record.status is not Status.RUNNING:
            return False
        abandoned = record._replace(status=Status.ABANDONED, finished=now)
        return self._did(self._change(Status.RUNNING, abandoned, " AND leaseUntil < :now", now=time_text(now)))

    def get(self, ids: Collection[SnapshotId]) -> dict[SnapshotId, Record]:
        """Return the records that exist: two requests for up to 100 ids, one where their starts were seen before."""
        known = {id_: self._starts[id_] for id_ in ids if id_ in self._starts}
        pointers = self._table.batch_get(ledger_key(id_, POINTER) for id_ in dict.fromkeys(ids) if id_ not in known)
        return self._read({**known, **{SnapshotId(found[ID]["S"]): found["start"]["S"] for found in pointers}})

    def _read(self, starts: Mapping[SnapshotId, str]) -> dict[SnapshotId, Record]:
        items = self._table.batch_get(ledger_key(id_, start) for id_, start in starts.items())
        return {record.id: record for record in map(self._seen, items)}

    def _seen(self, item: Item) -> Record:
        """Return a row's record and remember its start, which never changes."""
        record = record_of(item)
        if len(self._starts) >= MOST_STARTS:
            self._starts.clear()
        self._starts[record.id] = time_text(record.start)
        return record

    def active(self) -> list[Record]:
        """Return every RUNNING record; leases are those of the records, which alone are extended."""
        lines = self._table.query((ID, ACTIVE))
        records = self._read({SnapshotId(line[TIME]["S"]): line["start"]["S"] for line in lines}).values()
        return [record for record in records if record.status is Status.RUNNING]

    def completed(self, user: str | None = None) -> list[Record]:
        """Return COMPLETED records, newest first by (start, id): one request for one user's."""
        prefix = (TIME, f"{user_tag(user)}#") if user is not None else None
        records = map(self._seen, self._table.query((ID, COMPLETED), prefix))
        return sorted(records, key=lambda record: (record.start, record.id), reverse=True)

    def completed_by(self, user: str, host: str) -> Iterator[Record]:
        """Yield one user's COMPLETED records of one host, newest first."""
        return (record for record in self.completed(user) if record.host == host)

    def ended(self) -> list[Record]:
        """Return every FORGOTTEN, FAILED or ABANDONED record that was not retired."""
        return list(map(record_of, self._table.query((ID, ENDED))))

    def forget(self, ids: Collection[SnapshotId]) -> None:
        """COMPLETED -> FORGOTTEN for each, from one list to the other; others are left as they are."""
        self._change_each(
            self._change(Status.COMPLETED, record._replace(status=Status.FORGOTTEN))
            for record in self.get(ids).values()
            if record.status is Status.COMPLETED
        )

    def retire(self, ids: Collection[SnapshotId], expires: datetime) -> None:
        """Let ended records vanish after `expires`, and take them from the list of those to clear now."""
        self._change_each(
            [
                self._expire(_record_key(record), expires),
                self._expire(ledger_key(record.id, POINTER), expires),
                self._delete(ledger_key(*_line_key(record))),
            ]
            for record in self.get(ids).values()
            if record.status in ENDINGS
        )

    def _change_each(self, changes: Iterable[list[Action]]) -> None:
        """Do each change whole or not at all, many a transaction; one that no longer applies leaves the others."""
        for group in grouped(changes, MOST_ACTIONS // ACTIONS_A_CHANGE):
            if not self._did([action for change in group for action in change]):
                for change in group:
                    self._did(change)

    def _expire(self, key: Mapping[str, Any], expires: datetime) -> Action:
        return {
            "Update": {
                "TableName": self._table.name,
                "Key": key,
                "UpdateExpression": "SET #expires = :expires",
                "ConditionExpression": f"attribute_exists({ID})",
                "ExpressionAttributeNames": {"#expires": EXPIRES},
                "ExpressionAttributeValues": {":expires": number(int(expires.timestamp()))},
            }
        }

    def import_record(self, record: Record) -> None:
        """Write a record as it is, if the id is absent."""
        self._did(self._new(record))

    def lock(self, name: str, owner: str, until: datetime, now: datetime) -> None:
        """Take or extend the named exclusive lock until `until`; Conflict if another owner holds it beyond `now`."""
        taken = self._table.update(
            ledger_key(f"lock#{name}"),
            "SET #owner = :owner, #until = :until",
            f"attribute_not_exists({ID}) OR #owner = :owner OR #until <= :now",
            {"#owner": "owner", "#until": "until"},
            {":owner": text(owner), ":until": text(time_text(until)), ":now": text(time_text(now))},
        )
        if taken is None:
            held = self._table.get(ledger_key(f"lock#{name}")) or {}
            holder, end = (held.get(part, {}).get("S", "someone") for part in ("owner", "until"))
            raise already_held(name, holder, end)

    def unlock(self, name: str, owner: str) -> None:
        """Release the lock if this owner holds it; the row stays, ended long ago."""
        self._table.update(
            ledger_key(f"lock#{name}"),
            "SET #until = :past",
            "#owner = :owner",
            {"#owner": "owner", "#until": "until"},
            {":owner": text(owner), ":past": text("")},
        )

    def _known(self, id_: SnapshotId) -> Record | None:
        """Return a session's record, without asking if it was begun here."""
        return self._begun.get(id_) or self.get([id_]).get(id_)

    def _did(self, actions: Sequence[Action]) -> bool:
        try:
            transact(self._client, actions, self._patience)
        except Cancelled:
            return False
        return True

    def _put(self, item: Mapping[str, Any], **extra: str) -> Action:
        return {"Put": {"TableName": self._table.name, "Item": item, **extra}}

    def _delete(self, key: Mapping[str, Any]) -> Action:
        return {"Delete": {"TableName": self._table.name, "Key": key}}


def _record_key(record: Record) -> dict[str, Any]:
    return ledger_key(record.id, time_text(record.start))


def _line_key(record: Record) -> tuple[str, str]:
    """Return where a record's copy is listed."""
    if record.status is Status.RUNNING:
        return ACTIVE, record.id
    if record.status is Status.COMPLETED:
        return COMPLETED, completed_sort(record.user, time_text(record.start), record.id)
    return ENDED, record.id


def _lost(id_: SnapshotId) -> LeaseLost:
    return LeaseLost(f"session {id_} is no longer RUNNING: its lease ended; run the backup again")
