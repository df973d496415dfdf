"""How far the queueing of a run is: one row, claimed by one initiator at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.backup.stores.aws.dynamodb import Item, Table, number, text
from holdfast.backup.stores.aws.rows import EXPIRES, ID, ledger_key, time_text
from holdfast.errors import Conflict
from holdfast.vault.users import User

LEASE = timedelta(seconds=60)
KEPT = timedelta(days=30)
QUEUING, QUEUED = "QUEUING", "QUEUED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The row of a run: the last user sent, those refused, and how many were sent in all."""

    name: str
    owner: str
    queued: bool = False
    last: User | None = None
    refused: tuple[User, ...] = ()
    sent: int = 0


class Runs:
    """The runs of the metadata table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, name: str) -> Run | None:
        """Return a run, None if nobody began it."""
        item = self._table.get(_key(name))
        return _run_of(name, item) if item else None

    def claim(self, name: str, owner: str, now: datetime) -> Run:
        """Take the run for a minute; where another was interrupted, from where it stopped.

        Raises:
            Conflict: another initiator is at it.
        """
        item = self._table.update(
            _key(name),
            "SET #state = :queuing, #owner = :owner, #until = :until, #expires = :expires",
            f"attribute_not_exists({ID}) OR (#state = :queuing AND (#owner = :owner OR #until < :now))",
            {"#state": "state", "#owner": "owner", "#until": "until", "#expires": EXPIRES},
            {
                ":queuing": text(QUEUING),
                ":owner": text(owner),
                ":until": text(time_text(now + LEASE)),
                ":now": text(time_text(now)),
                ":expires": number(int((now + KEPT).timestamp())),
            },
        )
        if item is None:
            raise Conflict(f"run {name} is being queued by another invocation; this one will be repeated")
        return _run_of(name, item)

    def progress(self, run: Run, now: datetime) -> None:
        """Record how far the run is, and keep it for another minute.

        Raises:
            Conflict: another initiator took it.
        """
        self._write(run, now, QUEUING)

    def finish(self, run: Run, now: datetime) -> None:
        """Record that every user is queued and everybody was told."""
        self._write(run, now, QUEUED)

    def release(self, run: Run, now: datetime) -> None:
        """Let the next invocation go on at once."""
        self._write(run, now - LEASE, QUEUING)

    def _write(self, run: Run, now: datetime, state: str) -> None:
        values: dict[str, Any] = {
            ":state": text(state),
            ":owner": text(run.owner),
            ":queuing": text(QUEUING),
            ":until": text(time_text(now + LEASE)),
            ":refused": {"L": [_user_value(user) for user in run.refused]},
            ":sent": number(run.sent),
            ":last": _user_value(run.last) if run.last else {"NULL": True},
        }
        written = self._table.update(
            _key(run.name),
            "SET #state = :state, #until = :until, #refused = :refused, #sent = :sent, #last = :last",
            "#owner = :owner AND #state = :queuing",
            {f"#{name}": name for name in ("state", "owner", "until", "refused", "sent", "last")},
            values,
        )
        if written is None:
            raise Conflict(f"run {run.name} was taken over by another invocation; leave it to that one")


def _key(name: str) -> dict[str, Any]:
    return ledger_key(f"run#{name}")


def _run_of(name: str, item: Item) -> Run:
    refused: Sequence[Any] = item.get("refused", {}).get("L", [])
    last = item.get("last", {})
    return Run(
        name=name,
        owner=item["owner"]["S"],
        queued=item["state"]["S"] == QUEUED,
        last=_user_of(last) if "M" in last else None,
        refused=tuple(_user_of(value) for value in refused),
        sent=int(item.get("sent", {"N": "0"})["N"]),
    )


def _user_value(user: User) -> dict[str, Any]:
    return {"M": {"rank": number(user.rank), "name": text(user.name), "priority": text(user.priority)}}


def _user_of(value: Any) -> User:
    fields = value["M"]
    return User(int(fields["rank"]["N"]), fields["name"]["S"], fields["priority"]["S"])
