"""What only the AWS adapters promise, beyond their ports: few requests, exact answers when answers were lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.backup.ids import ChunkId, PackId, Place, RepositoryId, SnapshotId
from holdfast.backup.pack import Room
from holdfast.backup.ports import PackKind, PackRow, PackState, Record, Status
from holdfast.backup.stores.aws.dynamodb import Cancelled, transact
from holdfast.backup.stores.aws.kms_key import KmsKey
from holdfast.errors import Conflict, InvalidRequest, LeaseLost, NotFound, StoreDenied, StoreUnavailable, WrongKey
from holdfast.rehearsal.ports import EmbeddedAws, Fault
from tests.support.aws_stores import AwsStores, make_stores

pytestmark = pytest.mark.emulator

START = datetime(2026, 11, 21, 2, tzinfo=UTC)
SESSION = SnapshotId("5" * 32)
REPOSITORY = RepositoryId("a" * 32)


@pytest.fixture
def stores(aws: EmbeddedAws) -> AwsStores:
    return make_stores(aws)


@contextmanager
def counted(stores: AwsStores) -> Iterator[dict[str, int]]:
    """Requests that the block made, by operation."""
    before, made = dict(stores.aws.requests()), dict[str, int]()
    yield made
    after: Mapping[str, int] = stores.aws.requests()
    made |= {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def chunk(number: int) -> ChunkId:
    return ChunkId(number.to_bytes(32, "big"))


def pack(number: int) -> PackId:
    return PackId(f"{number:064x}")


def pack_row(number: int, size: int = 1000) -> PackRow:
    return PackRow(pack=pack(number), kind=PackKind.DATA, size=size, session=SESSION)


def store_pack(stores: AwsStores, number: int, chunks: list[ChunkId]) -> int:
    assert stores.index.announce(pack_row(number))
    return stores.index.publish(pack(number), chunks)


def session(number: int, user: str = "ann") -> Record:
    start = START + timedelta(minutes=number)
    id_ = SnapshotId(f"{number:032x}")
    return Record(id=id_, user=user, host="h", start=start, lease_until=start + timedelta(minutes=15), epoch=1)


class TestObjects:
    def test_lost_answer_of_a_put_is_still_a_put(self, stores: AwsStores) -> None:
        client = stores.aws.client("s3", stores.region)
        put = client.put_object

        class Twice:
            """Puts, loses the answer and puts again, as an SDK does after a time-out."""

            def __getattr__(self, name: str) -> Any:
                return getattr(client, name)

            def put_object(self, **request: Any) -> Any:
                put(**request)
                return put(**request)

        objects = stores.objects
        objects._client = Twice()  # type: ignore[assignment]
        assert objects.put("packs/a", b"bytes")
        assert not objects.put("packs/a", b"others")
        assert objects.get("packs/a") == b"bytes"

    @pytest.mark.parametrize("error", ["SlowDown", "ConditionalRequestConflict"])
    def test_a_pack_in_memory_of_its_own_is_put_whole_also_at_the_second_try(
        self, stores: AwsStores, error: str
    ) -> None:
        room = Room()
        data = bytes(range(256)) * 12_345
        room.view(0, len(data))[:] = data
        with stores.aws.inject(Fault(service="s3", operation="PutObject", error=error, times=1)) as injected:
            assert stores.objects.put("packs/a", room.whole(len(data)))
        assert injected.fired == 1
        assert stores.objects.get("packs/a") == data

    def test_put_never_replaces_and_says_so(self, stores: AwsStores) -> None:
        assert stores.objects.put("a", memoryview(b"first"))
        assert not stores.objects.put("a", b"second")
        assert stores.objects.get("a") == b"first"

    def test_keys_stay_below_the_prefix(self, stores: AwsStores) -> None:
        stores.aws.client("s3", stores.region).put_object(Bucket=stores.bucket, Key="elsewhere", Body=b"x")
        stores.objects.put("a", b"1")
        assert [found.key for found in stores.objects.list("")] == ["a"]

    def test_listing_passes_pages(self, stores: AwsStores) -> None:
        client = stores.aws.client("s3", stores.region)
        for number in range(1003):
            client.put_object(Bucket=stores.bucket, Key=f"backups/k/{number:04}", Body=b"")
        assert [found.key for found in stores.objects.list("k/")] == [f"k/{number:04}" for number in range(1003)]

    def test_many_are_deleted_by_one_request_and_what_is_not_there_is_no_error(self, stores: AwsStores) -> None:
        keys = [f"packs/ä & <{number}>" for number in range(20)]
        for key in [*keys, "packs/kept"]:
            stores.objects.put(key, b"x")
        with counted(stores) as made:
            stores.objects.delete_all([*keys, "packs/never"])
            stores.objects.delete_all([])
        assert made == {"s3.DeleteObjects": 1}
        assert [found.key for found in stores.objects.list("")] == ["packs/kept"]

    def test_what_one_request_did_not_delete_is_deleted_alone_or_says_why_not(
        self, stores: AwsStores, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stores.objects.put("packs/a", b"x")
        kept = {"Errors": [{"Key": "backups/packs/a", "Code": "InternalError"}]}
        monkeypatch.setattr(stores.objects._client, "delete_objects", lambda **_: kept)
        stores.objects.delete_all(["packs/a"])
        assert list(stores.objects.list("")) == []
        denied = Fault(service="s3", operation="DeleteObject", error="AccessDenied")
        with stores.aws.inject(denied), pytest.raises(StoreDenied, match="packs/a"):
            stores.objects.delete_all(["packs/a"])

    def test_missing_bucket_is_named(self, stores: AwsStores) -> None:
        stores.aws.client("s3", stores.region).delete_bucket(Bucket=stores.bucket)
        with pytest.raises(NotFound, match=stores.bucket):
            stores.objects.put("a", b"")


class Answering:
    """Answers batches of statements with these errors, batch by batch; none is empty."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.sent: list[int] = []

    def batch_execute_statement(self, Statements: list[Any]) -> dict[str, Any]:  # noqa: N803 - the SDK's name
        self.sent.append(len(Statements))
        return {"Responses": [{"Error": {"Code": code}} if code else {} for code in self._answers.pop(0)]}


class TestIndex:
    def test_chunk_rows_are_inserted_one_by_one_25_a_request(self, stores: AwsStores) -> None:
        stores.index.announce(pack_row(1))
        with counted(stores) as made:
            assert stores.index.publish(pack(1), [chunk(number) for number in range(99)]) == 99
        assert made == {"dynamodb.UpdateItem": 1, "dynamodb.BatchExecuteStatement": 4}

    def test_rows_that_stand_are_replaced_only_while_the_own_pack_is_live(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(1)])
        stores.index.condemn(pack_row(1), 1)
        store_pack(stores, 2, [])
        index = stores.index
        insert = index._insert

        def condemned_meanwhile(places: Any) -> list[ChunkId]:
            found = insert(places)
            stores.index.condemn(pack_row(2), 1)
            return found

        index._insert = condemned_meanwhile  # type: ignore[method-assign]
        with pytest.raises(Conflict, match="collected"):
            index.publish(pack(2), [chunk(1), chunk(2)])
        assert stores.index.readable([chunk(1)]) == {chunk(1): Place(pack(1), 0)}

    def test_a_row_that_names_no_pack_any_more_is_replaced(self, stores: AwsStores) -> None:
        stores.index._insert({chunk(1): Place(pack(1), 0)})  # a stalled writer's, whose pack prune has removed
        assert stores.index.readable([chunk(1)]) == {}
        assert store_pack(stores, 2, [chunk(1)]) == 1
        assert stores.index.usable([chunk(1)]) == {chunk(1): Place(pack(2), 0)}

    def test_unpointing_costs_a_request_for_25_rows_and_leaves_those_of_others(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(number) for number in range(60)])
        store_pack(stores, 2, [])
        assert stores.index.move({chunk(7): Place(pack(2), 0)}, pack(1)) == 1
        with counted(stores) as made:
            stores.index.unpoint(pack(1), [chunk(number) for number in range(60)])
        assert made == {"dynamodb.BatchExecuteStatement": 3}
        assert stores.index.readable([chunk(number) for number in range(60)]) == {chunk(7): Place(pack(2), 0)}

    @pytest.mark.parametrize(("code", "error"), [("AccessDenied", StoreDenied), ("ResourceNotFound", StoreUnavailable)])
    def test_a_statement_that_fails_is_told_by_what_can_be_done(
        self, stores: AwsStores, code: str, error: type[Exception]
    ) -> None:
        index = stores.index
        index._rows._client = Answering([code])
        with pytest.raises(error, match=f"BatchExecuteStatement in {stores.deduplication} failed"):
            index.unpoint(pack(1), [chunk(1)])

    def test_a_statement_that_was_throttled_is_sent_again_alone(self, stores: AwsStores) -> None:
        index = stores.index
        client = index._rows._client = Answering(["", "ThrottlingError", "DuplicateItem"], [""])
        assert index._insert({chunk(number): Place(pack(1), number) for number in range(3)}) == [chunk(2)]
        assert client.sent == [3, 1]
        assert len(stores.pauses) == 1

    def test_looking_up_100_chunks_of_one_pack_takes_two_requests(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(number) for number in range(100)])
        with counted(stores) as made:
            assert len(stores.index.usable([chunk(number) for number in range(100)])) == 100
        assert made == {"dynamodb.BatchGetItem": 2}

    def test_publishing_again_wins_again_and_changes_nothing(self, stores: AwsStores) -> None:
        chunks = [chunk(number) for number in range(150)]
        assert store_pack(stores, 1, chunks) == 150
        assert stores.index.publish(pack(1), chunks) == 150
        assert stores.index.usable([chunk(149)]) == {chunk(149): Place(pack(1), 149)}

    def test_rows_of_a_live_pack_stay_and_rows_of_a_dead_one_are_replaced(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(1), chunk(2)])
        store_pack(stores, 2, [chunk(3), chunk(4)])
        assert stores.index.condemn(pack_row(2), 1)
        assert store_pack(stores, 3, [chunk(number) for number in range(1, 6)]) == 3
        found = stores.index.usable([chunk(number) for number in range(1, 6)])
        assert [found[chunk(number)].pack for number in range(1, 6)] == [pack(1), pack(1), pack(3), pack(3), pack(3)]

    def test_a_collected_pack_takes_no_chunk_from_anybody(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(1)])
        stores.index.announce(pack_row(2))
        for number in (1, 2):
            stores.index.condemn(pack_row(number), 1)
        with pytest.raises(Conflict, match="collected"):
            stores.index.publish(pack(2), [chunk(1), chunk(2)])
        assert stores.index.readable([chunk(1)]) == {chunk(1): Place(pack(1), 0)}
        assert stores.index.usable([chunk(1), chunk(2)]) == {}

    def test_condemning_needs_the_current_epoch_and_leaves_the_state(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(1)])
        stores.ledger.advance_epoch()
        with pytest.raises(Conflict, match="epoch is not 1"):
            stores.index.condemn(pack_row(1), 1)
        assert [row.state for row in stores.index.packs()] == [PackState.LIVE]

    def test_forty_nine_packs_are_condemned_and_removed_in_a_transaction_each(self, stores: AwsStores) -> None:
        index = stores.index
        rows = [pack_row(number) for number in range(1, 1 + index.most_together)]
        for number in (1, 2):
            store_pack(stores, number, [])
        index.condemn(rows[1], 1)
        with counted(stores) as made:
            done = index.condemn_all([rows[0], *rows[2:]], 1)
        assert all(done)
        assert len(done) == 48
        assert made == {"dynamodb.TransactWriteItems": 1}
        assert {row.epoch for row in index.packs()} == {1}
        for row in rows[1:]:
            index.begin_delete(row.pack, 1)
        with counted(stores) as made:
            index.remove_all([row.pack for row in rows])
        assert made == {"dynamodb.TransactWriteItems": 2}  # one is not DELETING: without it again
        assert [row.pack for row in index.packs()] == [rows[0].pack]

    def test_those_that_a_state_forbids_are_left_out_of_many_and_told(self, stores: AwsStores) -> None:
        index = stores.index
        assert index.condemn_all([pack_row(1), pack_row(2)], 1) == [True, True]
        assert index.begin_delete(pack(2), 1)
        assert index.condemn_all([pack_row(number) for number in (1, 2, 3)], 1) == [False, False, True]
        stores.ledger.advance_epoch()
        with pytest.raises(Conflict, match="epoch is not 1"):
            index.condemn_all([pack_row(4), pack_row(5)], 1)
        assert len(list(index.packs())) == 3

    def test_packs_are_all_there_as_they_are_now_whatever_the_size_index_shows(self, stores: AwsStores) -> None:
        for number in range(120):
            stores.index.announce(pack_row(number * 2**250, size=number))
        client = stores.aws.client("dynamodb", stores.region)
        # A lagging index, in effect: nothing of its own is read.
        client.update_table(
            TableName=stores.deduplication, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "SizeIndex"}}]
        )
        assert {row.size for row in stores.index.packs()} == set(range(120))

    def test_size_classes_hold_packs_alone(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(number) for number in range(5)])
        stores.index.announce(pack_row(2, size=16 * 2**20))
        assert stores.index.size_classes() == {1024: 1, 16 * 2**20: 1}

    def test_removing_a_pack_takes_it_from_the_register(self, stores: AwsStores) -> None:
        store_pack(stores, 1, [chunk(1)])
        stores.index.remove(pack(1))
        assert len(list(stores.index.packs())) == 1  # not DELETING
        stores.index.condemn(pack_row(1), 1)
        stores.index.begin_delete(pack(1), 1)
        stores.index.unpoint(pack(1), [chunk(1), chunk(2)])
        stores.index.remove(pack(1))
        assert stores.items(stores.deduplication) == []
        assert [item["backupId"]["S"] for item in stores.items(stores.metadata)] == []

    def test_moving_250_chunks_leaves_those_that_others_moved(self, stores: AwsStores) -> None:
        chunks = [chunk(number) for number in range(250)]
        store_pack(stores, 1, chunks)
        store_pack(stores, 2, [])
        store_pack(stores, 3, [])
        assert stores.index.move({chunk(7): Place(pack(2), 0)}, pack(1)) == 1
        with counted(stores) as made:
            places = {one: Place(pack(3), at) for at, one in enumerate(chunks)}
            assert stores.index.move(places, pack(1)) == 249
        assert made == {"dynamodb.TransactWriteItems": 4}
        assert stores.index.usable([chunk(7), chunk(8)]) == {chunk(7): Place(pack(2), 0), chunk(8): Place(pack(3), 8)}


class TestLedger:
    def test_a_session_takes_three_requests_to_begin_look_and_end(self, stores: AwsStores) -> None:
        ledger = stores.ledger
        with counted(stores) as made:
            ledger.begin(session(1))
            ledger.completed("ann")
            ledger.finish(session(1).id, Status.COMPLETED, START, {"files": 3})
        assert made == {"dynamodb.TransactWriteItems": 2, "dynamodb.Query": 1}

    def test_another_process_ends_a_session_it_did_not_begin(self, stores: AwsStores) -> None:
        stores.ledger.begin(session(1))
        stores.ledger.heartbeat(session(1).id, START + timedelta(hours=3))
        stores.ledger.finish(session(1).id, Status.COMPLETED, START, {})
        (record,) = stores.ledger.completed()
        assert record == stores.ledger.get([record.id])[record.id]
        assert record.lease_until == START + timedelta(hours=3)

    def test_lists_and_record_change_together(self, stores: AwsStores) -> None:
        ledger = stores.ledger
        ledger.begin(session(1))
        assert ledger.abandon(session(1).id, START + timedelta(days=1))
        with pytest.raises(LeaseLost):
            ledger.finish(session(1).id, Status.COMPLETED, START, {})
        assert (ledger.active(), ledger.completed()) == ([], [])
        assert [record.status for record in ledger.ended()] == [Status.ABANDONED]

    def test_worker_deletes_rows_of_the_active_partition_alone(self, stores: AwsStores) -> None:
        """The worker's role may delete where the leading key is `active#...` and nowhere else."""
        client = stores.aws.client("dynamodb", stores.region)
        deleted: list[str] = []

        def note(params: Mapping[str, Any], **_: Any) -> None:
            actions = [action["Delete"]["Key"] for action in params["TransactItems"] if "Delete" in action]
            deleted.extend(key["backupId"]["S"] for key in actions)

        client.meta.events.register("provide-client-params.dynamodb.TransactWriteItems", note, unique_id="note")
        try:
            ledger = stores.ledger
            for number, status in ((1, Status.COMPLETED), (2, Status.FAILED)):
                ledger.begin(session(number))
                ledger.heartbeat(session(number).id, START + timedelta(hours=1))
                ledger.finish(session(number).id, status, START, {})
            store_pack(stores, 1, [chunk(1)])
        finally:
            client.meta.events.unregister("provide-client-params.dynamodb.TransactWriteItems", unique_id="note")
        assert set(deleted) == {"active#sessions"}

    def test_a_thousand_records_are_read_in_twenty_requests(self, stores: AwsStores) -> None:
        ids = [session(number).id for number in range(1000)]
        client = stores.aws.client("dynamodb", stores.region)
        for number in range(0, 1000, 30):
            actions = [act for at in range(number, min(number + 30, 1000)) for act in stores.ledger._new(session(at))]
            transact(client, actions, stores.patience)
        with counted(stores) as made:
            assert len(stores.ledger.get(ids)) == 1000
        assert made == {"dynamodb.BatchGetItem": 20}

    def test_retired_records_carry_the_time_to_live_and_no_other_row_does(self, stores: AwsStores) -> None:
        ledger = stores.ledger
        for number in (1, 2):
            ledger.begin(session(number))
            ledger.finish(session(number).id, Status.COMPLETED, START, {})
        ledger.forget([session(1).id])
        ledger.retire([session(1).id, session(2).id], START + timedelta(days=7))
        expiring = [item for item in stores.items(stores.metadata) if "expirationTime" in item]
        assert {item["backupId"]["S"] for item in expiring} == {session(1).id}
        assert {item["expirationTime"]["N"] for item in expiring} == {str(int(START.timestamp()) + 7 * 86400)}
        assert ledger.ended() == []

    def test_a_held_lock_names_its_holder_and_its_end(self, stores: AwsStores) -> None:
        stores.ledger.lock("prune", "one", START + timedelta(hours=1), START)
        with pytest.raises(Conflict, match=r"prune is being done by one: .* after 2026-11-21 03:00:00Z"):
            stores.ledger.lock("prune", "two", START + timedelta(hours=2), START)
        stores.ledger.lock("prune", "two", START + timedelta(hours=3), START + timedelta(hours=1))


def test_transaction_that_cannot_be_is_told_with_the_items_in_its_way(stores: AwsStores) -> None:
    stores.ledger.begin(session(1))
    with pytest.raises(Cancelled) as cancelled:
        transact(stores.aws.client("dynamodb", stores.region), stores.ledger._new(session(1)), stores.patience)
    assert set(cancelled.value.failed) == {0}


class TestKeys:
    @pytest.fixture
    def key_arn(self, aws: EmbeddedAws) -> str:
        arn: str = aws.client("kms", "us-east-1").create_key()["KeyMetadata"]["Arn"]
        return arn

    @pytest.fixture
    def replica_arn(self, aws: EmbeddedAws) -> str:
        arn: str = aws.client("kms", "us-west-2").create_key()["KeyMetadata"]["Arn"]
        return arn

    def test_each_key_is_asked_in_its_own_region(self, aws: EmbeddedAws, key_arn: str, replica_arn: str) -> None:
        asked: list[str] = []

        def client_in(region: str) -> Any:
            asked.append(region)
            return aws.client("kms", region)

        for arn in (key_arn, replica_arn):
            provider = KmsKey(arn, client_in)
            assert provider.unwrap(provider.wrap(b"m" * 32, REPOSITORY), REPOSITORY) == b"m" * 32
        assert asked == ["us-east-1", "us-east-1", "us-west-2", "us-west-2"]

    def test_a_slot_of_another_key_is_left_to_its_own_provider(
        self, aws: EmbeddedAws, key_arn: str, replica_arn: str
    ) -> None:
        slot = KmsKey(key_arn, lambda region: aws.client("kms", region)).wrap(b"m" * 32, REPOSITORY)
        client_in: Any = None  # asking would fail
        assert KmsKey(replica_arn, client_in).unwrap(slot, REPOSITORY) is None
        assert KmsKey(replica_arn, client_in).unwrap({"kind": "password"}, REPOSITORY) is None

    def test_a_slot_of_another_repository_does_not_open(self, aws: EmbeddedAws, key_arn: str) -> None:
        provider = KmsKey(key_arn, lambda region: aws.client("kms", region))
        slot = provider.wrap(b"m" * 32, REPOSITORY)
        with pytest.raises(WrongKey):
            provider.unwrap(slot, RepositoryId("b" * 32))

    def test_a_disabled_key_is_a_refusal_that_names_it(self, aws: EmbeddedAws, key_arn: str) -> None:
        provider = KmsKey(key_arn, lambda region: aws.client("kms", region))
        slot = provider.wrap(b"m" * 32, REPOSITORY)
        aws.client("kms", "us-east-1").disable_key(KeyId=key_arn)
        with pytest.raises(StoreDenied, match=key_arn):
            provider.unwrap(slot, REPOSITORY)

    @pytest.mark.parametrize("wrapped", [None, "not base64!"])
    def test_a_damaged_slot_is_told_and_not_sent(self, wrapped: str | None) -> None:
        client_in: Any = None
        arn = "arn:aws:kms:us-east-1:123456789012:key/k"
        with pytest.raises(WrongKey, match="damaged"):
            KmsKey(arn, lambda _: client_in).unwrap({"kind": "kms", "key": arn, "wrapped": wrapped}, REPOSITORY)

    def test_a_key_that_is_no_arn_is_refused(self) -> None:
        client_in: Any = None
        with pytest.raises(InvalidRequest, match="expected an ARN"):
            KmsKey("alias/holdfast", client_in)
