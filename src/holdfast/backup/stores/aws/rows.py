"""Rows of the two tables: which key holds what. `docs/design/vault-protocol.md` lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdfast.backup.ids import ChunkId, PackId, Place, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState, Record, Status
from holdfast.backup.stores.aws.dynamodb import Item, binary, number, text
from holdfast.settings.variables import USUAL_DEDUPLICATION_KEY

ID, TIME = "backupId", "timestamp"
HASH = USUAL_DEDUPLICATION_KEY
"""Key attribute of the deduplication table, unless its deployment says otherwise."""
EXPIRES = "expirationTime"
STATUS_INDEX, USER_INDEX, SIZE_INDEX = "StatusIndex", "UserIndex", "SizeIndex"

ACTIVE, COMPLETED, ENDED = "active#sessions", "completed#snapshots", "ended#sessions"
POINTER = "@"
SINGLE = "-"
PACK = "pack#"
SHARDS = "0123456789abcdef"
MOST_CLASSES = 30

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def ledger_key(partition: str, sort: str = SINGLE) -> dict[str, Any]:
    """Return a key of the metadata table."""
    return {ID: text(partition), TIME: text(sort)}


def time_text(time: datetime) -> str:
    """Return a time as text that sorts as times do: UTC, microseconds, always as long."""
    return time.astimezone(UTC).strftime(_FORMAT)


def time_of(value: str) -> datetime:
    """Return the time that `time_text` wrote."""
    return datetime.strptime(value, _FORMAT).replace(tzinfo=UTC)


def user_tag(user: str) -> str:
    """Return 32 hex digits for a user, whose name may be anything, to sort by."""
    return hashlib.sha256(user.encode()).hexdigest()[:32]


def completed_sort(user: str, start: str, id_: str) -> str:
    """Return the sort key of a completed snapshot: one user's are together, oldest first."""
    return f"{user_tag(user)}#{start}#{id_}"


def record_item(record: Record, partition: str | None = None, sort: str | None = None) -> dict[str, Any]:
    """Return the row of a record, or a copy of it under another key."""
    item = {
        **ledger_key(partition or record.id, sort or time_text(record.start)),
        "id": text(record.id),
        "host": text(record.host),
        "start": text(time_text(record.start)),
        "leaseUntil": text(time_text(record.lease_until)),
        "epoch": number(record.epoch),
        "figures": figures_item(record.figures),
        # The indexes hold what has these two; they are not to find copies.
        "status" if partition is None else "state": text(record.status),
        "userId" if partition is None else "user": text(record.user),
    }
    if record.parent:
        item["parent"] = text(record.parent)
    if record.finished:
        item["finished"] = text(time_text(record.finished))
    return item


def record_of(item: Item) -> Record:
    """Return the record of a row."""
    return Record(
        id=SnapshotId(item["id"]["S"]),
        user=item["userId" if "userId" in item else "user"]["S"],
        host=item["host"]["S"],
        start=time_of(item["start"]["S"]),
        lease_until=time_of(item["leaseUntil"]["S"]),
        epoch=int(item["epoch"]["N"]),
        parent=SnapshotId(item["parent"]["S"]) if "parent" in item else None,
        status=Status(item["status" if "status" in item else "state"]["S"]),
        finished=time_of(item["finished"]["S"]) if "finished" in item else None,
        figures={name: _figure(value) for name, value in item["figures"]["M"].items()},
    )


def figures_item(figures: Mapping[str, int | float | str]) -> dict[str, Any]:
    """Return figures as a map attribute."""
    return {"M": {name: text(one) if isinstance(one, str) else number(one) for name, one in figures.items()}}


def _figure(value: Mapping[str, str]) -> int | float | str:
    if "S" in value:
        return value["S"]
    digits = value["N"]
    return int(digits) if digits.lstrip("-").isdigit() else float(digits)


def pack_value(pack: PackId) -> dict[str, bytes]:
    """Return a pack's id as an attribute of chunk rows."""
    return binary(bytes.fromhex(pack))


def register_key(pack: PackId) -> dict[str, Any]:
    """Return the key, in the metadata table, of the row that says that the pack's row exists."""
    return ledger_key(f"packs#{pack[0]}", pack)


@dataclass(frozen=True)
class DeduplicationRows:
    """Rows of the deduplication table, whose one key attribute is called `hash`."""

    hash: str = HASH

    def chunk_key(self, chunk: ChunkId) -> dict[str, Any]:
        """Return the key of a chunk's row."""
        return {self.hash: text(chunk.hex())}

    def chunk_item(self, chunk: ChunkId, place: Place) -> dict[str, Any]:
        """Return the row of a chunk."""
        return {**self.chunk_key(chunk), "p": pack_value(place.pack), "n": number(place.ordinal)}

    def place_of(self, item: Item) -> tuple[ChunkId, Place]:
        """Return what a chunk's row says."""
        place = Place(PackId(bytes(item["p"]["B"]).hex()), int(item["n"]["N"]))
        return ChunkId(bytes.fromhex(item[self.hash]["S"])), place

    def pack_key(self, pack: PackId) -> dict[str, Any]:
        """Return the key of a pack's row."""
        return {self.hash: text(PACK + pack)}

    def pack_item(self, row: PackRow) -> dict[str, Any]:
        """Return the row of a pack."""
        return {
            **self.pack_key(row.pack),
            "kind": text(row.kind),
            "size": number(row.size),
            "fileSize": number(size_class(row.size)),
            "session": text(row.session),
            "state": text(row.state),
            **({} if row.chunk_count is None else {"chunks": number(row.chunk_count)}),
        }

    def pack_of(self, item: Item) -> PackRow:
        """Return what a pack's row says."""
        return PackRow(
            pack=PackId(item[self.hash]["S"].removeprefix(PACK)),
            kind=PackKind(item["kind"]["S"]),
            size=int(item["size"]["N"]),
            session=SnapshotId(item["session"]["S"]),
            state=PackState(item["state"]["S"]),
            epoch=int(item["epoch"]["N"]) if "epoch" in item else None,
            chunk_count=int(item["chunks"]["N"]) if "chunks" in item else None,
        )


def size_class(size: int) -> int:
    """Return the least power of two that is not below `size`: exact sizes would single packs out."""
    return 1 << max(size - 1, 0).bit_length()
