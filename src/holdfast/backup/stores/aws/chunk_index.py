"""The chunk index in two tables: chunk and pack rows in one, a register of the packs in the other.

The deduplication table has no sort key, so nothing but a scan of every chunk row could list its pack rows consistently.
The register can: one small row a pack in a partition of the metadata table, written and removed together with it.
`SizeIndex` holds the pack rows alone (no other row has a `fileSize`), but lags behind: it serves statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.parallel import beside, each
from holdfast.backup.ports import PackRow, PackState
from holdfast.backup.stores.aws.dynamodb import (
    AT_ONCE,
    MOST_ACTIONS,
    MOST_KEYS,
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
    HASH,
    ID,
    MOST_CLASSES,
    SHARDS,
    SIZE_INDEX,
    TIME,
    DeduplicationRows,
    ledger_key,
    pack_value,
    register_key,
)
from holdfast.errors import Conflict, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PENDING, LIVE, CONDEMNED, DELETING = PackState
READABLE = frozenset({LIVE, CONDEMNED})
# One action of every transaction is the pack's own.
MOST_CHUNKS = MOST_ACTIONS - 1
STATES = {f":{state.lower()}": text(state) for state in PackState}


class DynamoChunkIndex:
    """Chunk to place, and the packs' states.

    Args:
        table: name of the deduplication table.
        metadata_table: name of the table that the ledger is in; the epoch there guards condemnations.
        hash_attribute: the deduplication table's key.
        connect: makes a client like `client`, for a forked process; without it there must be none.
    """

    most_together = MOST_ACTIONS // 2 - 1
    """A pack has two rows, and what guards them is an action too."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        metadata_table: str,
        *,
        hash_attribute: str = HASH,
        patience: Patience | None = None,
        connect: Callable[[], DynamoDBClient] | None = None,
    ) -> None:
        self._connect = connect
        self._client = client
        self._patience = patience or Patience()
        self._rows = Table(client, table, self._patience)
        self._row = DeduplicationRows(hash_attribute)
        self._metadata = Table(client, metadata_table, self._patience)

    def reconnected(self) -> DynamoChunkIndex:
        """Return the same index, to be reached by connections that are still to be made."""
        assert self._connect is not None  # whoever forks was opened with it
        return DynamoChunkIndex(
            self._connect(),
            self._rows.name,
            self._metadata.name,
            hash_attribute=self._row.hash,
            patience=self._patience,
            connect=self._connect,
        )

    def usable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE packs; a chunk elsewhere or nowhere is left out."""
        return self._places(chunks, frozenset({LIVE}))

    def readable(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places in LIVE or CONDEMNED packs."""
        return self._places(chunks, READABLE)

    def named(self, chunks: Collection[ChunkId]) -> dict[ChunkId, Place]:
        """Return the places that rows name: one answer to wait for, where what became of the packs takes a second."""
        keys = (self._row.chunk_key(chunk) for chunk in dict.fromkeys(chunks))
        return dict(self._row.place_of(item) for item in self._rows.batch_get(keys))

    def _places(self, chunks: Collection[ChunkId], states: frozenset[PackState]) -> dict[ChunkId, Place]:
        places = self.named(chunks)
        packs = {row.pack for row in self._pack_rows({place.pack for place in places.values()}) if row.state in states}
        return {chunk: place for chunk, place in places.items() if place.pack in packs}

    def _pack_rows(self, packs: Collection[PackId]) -> Iterator[PackRow]:
        return map(self._row.pack_of, self._rows.batch_get(self._row.pack_key(pack) for pack in packs))

    def announce(self, row: PackRow) -> bool:
        """Write `row` as PENDING, and its line of the register, in one transaction; False if the pack has a row."""
        put = {
            "TableName": self._rows.name,
            "Item": self._row.pack_item(row),
            "ConditionExpression": f"attribute_not_exists({self._row.hash})",
        }
        return self._did([{"Put": put}, self._register(row.pack)])

    def publish(self, pack: PackId, chunks: Sequence[ChunkId]) -> int:
        """Make the pack LIVE, point its chunks at it; return how many places this call won.

        A row that is not there yet is inserted by itself, which takes one write unit and not a transaction's two, and
        while the pack becomes LIVE: until it is, nobody takes the row for more than no row.
        """
        places = {chunk: Place(pack, ordinal) for ordinal, chunk in enumerate(chunks)}
        live, standing = beside(lambda: self._change_state(pack, LIVE, [PENDING, LIVE]), lambda: self._insert(places))
        if live is None:
            raise _collected(pack)
        return len(places) - len(standing) + self._replace(pack, {chunk: places[chunk] for chunk in standing})

    def _insert(self, places: Mapping[ChunkId, Place]) -> list[ChunkId]:
        """Write the rows that are not there yet; return the chunks that have one."""
        attributes = f"'{self._row.hash}': ?, 'p': ?, 'n': ?"
        statement = f'INSERT INTO "{self._rows.name}" VALUE {{{attributes}}}'
        statements = [
            {"Statement": statement, "Parameters": list(self._row.chunk_item(chunk, place).values())}
            for chunk, place in places.items()
        ]
        refused = self._rows.execute(statements)
        return [chunk for chunk, is_refused in zip(places, refused, strict=True) if is_refused]

    def _replace(self, pack: PackId, places: dict[ChunkId, Place]) -> int:
        """Take over rows of packs that are not LIVE, as long as this one is; return how many are this pack's then."""
        own = 0
        for attempt in range(self._patience.attempts):
            if not places:
                return own
            standing = self._standing(places)
            live = {row.pack for row in self._pack_rows(set(standing.values()) - {pack}) if row.state is LIVE}
            own += sum(holder == pack for holder in standing.values())
            places = {
                chunk: place
                for chunk, place in places.items()
                if standing.get(chunk) != pack and standing.get(chunk) not in live
            }
            own += self._take_over(pack, places, standing)
            if places:
                self._patience.pause(attempt)
        raise StoreUnavailable(f"the rows of pack {pack} kept changing; try again later")

    def _take_over(self, pack: PackId, places: dict[ChunkId, Place], standing: Mapping[ChunkId, PackId]) -> int:
        """Replace rows in transactions with the check of the pack; take from `places` what is done, and count it."""
        done = 0
        for chunks in grouped(list(places), MOST_CHUNKS):
            points = [self._put_chunk(chunk, places[chunk], standing.get(chunk)) for chunk in chunks]
            try:
                transact(self._client, [self._check_live(pack), *points], self._patience)
            except Cancelled as cancelled:
                if 0 in cancelled.failed:
                    raise _collected(pack) from None
                continue  # others changed one of them meanwhile
            for chunk in chunks:
                del places[chunk]
            done += len(chunks)
        return done

    def _standing(self, chunks: Iterable[ChunkId]) -> dict[ChunkId, PackId]:
        """Return the packs that the chunks' rows name."""
        return {chunk: place.pack for chunk, place in self.named(list(chunks)).items()}

    def _put_chunk(self, chunk: ChunkId, place: Place, replaces: PackId | None) -> Action:
        put: dict[str, Any] = {
            "TableName": self._rows.name,
            "Item": self._row.chunk_item(chunk, place),
            "ConditionExpression": f"attribute_not_exists({self._row.hash})",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if replaces:
            put["ConditionExpression"] += " OR p = :replaced"
            put["ExpressionAttributeValues"] = {":replaced": pack_value(replaces)}
        return {"Put": put}

    def _change_state(
        self, pack: PackId, to: PackState, of: Sequence[PackState], *, also: str = "", epoch: int | None = None
    ) -> Item | None:
        """Change a pack's state from one of some, or CONDEMNED with `epoch`; None if it was another."""
        names = [f":{state.lower()}" for state in of]
        condition = f"#state IN ({', '.join(names)})"
        values = {":to": text(to), **{name: STATES[name] for name in names}}
        attributes = {"#state": "state"}
        if also or epoch is not None:
            attributes["#epoch"] = "epoch"
        if epoch is not None:
            condition += " OR (#state = :condemned AND #epoch = :epoch)"
            values |= {":condemned": STATES[":condemned"], ":epoch": number(epoch)}
        return self._rows.update(self._row.pack_key(pack), f"SET #state = :to{also}", condition, attributes, values)

    def move(self, chunks: Mapping[ChunkId, Place], from_pack: PackId) -> int:
        """Point chunks that still name `from_pack` at their new places; where the new pack is not LIVE they stay."""
        by_pack = sorted(chunks.items(), key=lambda pair: (pair[1].pack, pair[1].ordinal))
        moved = 0
        for pack, pairs in groupby(by_pack, key=lambda pair: pair[1].pack):
            for group in grouped(pairs, MOST_CHUNKS):
                guard = self._check_live(pack)
                changes = [[self._move_chunk(chunk, place, from_pack)] for chunk, place in group]
                with suppress(Cancelled):  # the new pack is not LIVE
                    moved += sum(self._each_whole(changes, guard))
        return moved

    def _check_live(self, pack: PackId) -> Action:
        return {
            "ConditionCheck": {
                "TableName": self._rows.name,
                "Key": self._row.pack_key(pack),
                "ConditionExpression": "#state = :live",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {":live": text(LIVE)},
            }
        }

    def _move_chunk(self, chunk: ChunkId, place: Place, from_pack: PackId) -> Action:
        return {
            "Update": {
                "TableName": self._rows.name,
                "Key": self._row.chunk_key(chunk),
                "UpdateExpression": "SET p = :to, n = :n",
                "ConditionExpression": "p = :from",
                "ExpressionAttributeValues": {
                    ":to": pack_value(place.pack),
                    ":n": number(place.ordinal),
                    ":from": pack_value(from_pack),
                },
            }
        }

    def _each_whole(self, changes: Sequence[Sequence[Action]], guard: Action | None = None) -> list[bool]:
        """Do each change whole, or not at all where a condition fails, in one transaction; say which were done.

        Raises:
            Cancelled: the condition of `guard` does not hold; nothing was done.
        """
        first = [guard] if guard else []
        left = list(range(len(changes)))
        while left:
            try:
                transact(self._client, [*first, *(action for at in left for action in changes[at])], self._patience)
            except Cancelled as cancelled:
                if guard and 0 in cancelled.failed:
                    raise
                of = [at for at in left for _ in changes[at]]
                refused = {of[number - len(first)] for number in cancelled.failed}
                left = [at for at in left if at not in refused]
            else:
                break
        return [at in left for at in range(len(changes))]

    def packs(self) -> Iterator[PackRow]:
        """Yield every pack row: the names from the register, the rows as they are now."""
        listed = chain.from_iterable(each(self._registered, SHARDS, AT_ONCE))
        for packs in grouped(listed, MOST_KEYS * AT_ONCE):
            yield from self._pack_rows(packs)

    def _registered(self, shard: str) -> list[PackId]:
        return [PackId(line[TIME]["S"]) for line in self._metadata.query((ID, f"packs#{shard}"))]

    def condemn(self, row: PackRow, epoch: int) -> bool:
        """LIVE or PENDING -> CONDEMNED with `epoch`; an unknown pack gets such a row. False if the state forbade it."""
        return self.condemn_all([row], epoch)[0]

    def condemn_all(self, rows: Sequence[PackRow], epoch: int) -> list[bool]:
        """As `condemn` for each of these, in one transaction that checks the epoch once."""
        changes = [[self._condemn_row(row, epoch), self._register(row.pack)] for row in rows]
        try:
            return self._each_whole(changes, self._check_epoch(epoch))
        except Cancelled:
            raise Conflict(f"the epoch is not {epoch} any more; read it again") from None

    def _check_epoch(self, epoch: int) -> Action:
        check = {
            "TableName": self._metadata.name,
            "Key": ledger_key("epoch"),
            "ConditionExpression": "#value = :epoch" + (f" OR attribute_not_exists({ID})" if epoch == 1 else ""),
            "ExpressionAttributeNames": {"#value": "value"},
            "ExpressionAttributeValues": {":epoch": number(epoch)},
        }
        return {"ConditionCheck": check}

    def _condemn_row(self, row: PackRow, epoch: int) -> Action:
        known = {
            name: value for name, value in self._row.pack_item(row).items() if name not in (self._row.hash, "state")
        }
        keep = ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in known)
        return {
            "Update": {
                "TableName": self._rows.name,
                "Key": self._row.pack_key(row.pack),
                "UpdateExpression": f"SET #state = :condemned, #epoch = :epoch, {keep}",
                "ConditionExpression": f"attribute_not_exists({self._row.hash}) OR #state IN (:live, :pending)",
                "ExpressionAttributeNames": {f"#{name}": name for name in ("state", "epoch", *known)},
                "ExpressionAttributeValues": {
                    ":epoch": number(epoch),
                    **{f":{name}": value for name, value in known.items()},
                    **{name: STATES[name] for name in (":condemned", ":live", ":pending")},
                },
            }
        }

    def revive(self, pack: PackId) -> bool:
        """CONDEMNED -> LIVE; False if the state forbade it."""
        return self._change_state(pack, LIVE, [CONDEMNED], also=" REMOVE #epoch") is not None

    def begin_delete(self, pack: PackId, epoch: int) -> bool:
        """CONDEMNED with `epoch`, or DELETING -> DELETING; False if it was anything else."""
        return self._change_state(pack, DELETING, [DELETING], epoch=epoch) is not None

    def unpoint(self, pack: PackId, chunks: Sequence[ChunkId]) -> None:
        """Remove those of the chunk rows that still name this pack; others are left as they are."""
        statement = f'DELETE FROM "{self._rows.name}" WHERE "{self._row.hash}" = ? AND p = ?'  # noqa: S608 - names of our own
        keys = [self._row.chunk_key(chunk)[self._row.hash] for chunk in dict.fromkeys(chunks)]
        self._rows.execute([{"Statement": statement, "Parameters": [key, pack_value(pack)]} for key in keys])

    def remove(self, pack: PackId) -> None:
        """Remove a DELETING pack's row and its line of the register, in one transaction."""
        self.remove_all([pack])

    def remove_all(self, packs: Sequence[PackId]) -> None:
        """As `remove` for each of these, in one transaction."""
        self._each_whole([self._removal(pack) for pack in packs])

    def _removal(self, pack: PackId) -> list[Action]:
        delete = {
            "TableName": self._rows.name,
            "Key": self._row.pack_key(pack),
            "ConditionExpression": "#state = :deleting",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": {":deleting": text(DELETING)},
        }
        unregister = {"TableName": self._metadata.name, "Key": register_key(pack)}
        return [{"Delete": delete}, {"Delete": unregister}]

    def size_classes(self) -> dict[int, int]:
        """Return how many packs there are of each size, rounded up to a power of two; may lag behind a little."""
        classes = {
            1 << bits: self._rows.count_index(
                SIZE_INDEX,
                KeyConditionExpression="fileSize = :size",
                ExpressionAttributeValues={":size": number(1 << bits)},
            )
            for bits in range(MOST_CLASSES)
        }
        return {size: count for size, count in classes.items() if count}

    def _register(self, pack: PackId) -> Action:
        return {"Put": {"TableName": self._metadata.name, "Item": register_key(pack)}}

    def _did(self, actions: Sequence[Action]) -> bool:
        try:
            transact(self._client, actions, self._patience)
        except Cancelled:
            return False
        return True


def _collected(pack: PackId) -> Conflict:
    return Conflict(f"pack {pack} was collected while it was stored; store its content again")
