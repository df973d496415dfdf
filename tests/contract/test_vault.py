"""The vault's handlers on the embedded AWS: a day queued once, every user backed up once, restored and pruned."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.resume import bytes_noted
from holdfast.backup.session import Session
from holdfast.backup.stores.aws.dynamodb import text
from holdfast.errors import Conflict, InvalidRequest, NotFound, SourceUnreadable, WrongKey
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault import prune, restore, verify
from holdfast.vault.back_up import work
from holdfast.vault.create import ensure_repository
from holdfast.vault.jobs import Job
from tests.support.faults import Killed
from tests.support.vaults import AWAY, EVENING, HOME, World, make_world, metrics, with_users

pytestmark = pytest.mark.emulator

DAY = timedelta(days=1)
RUN = "2026-11-21T02:00:00Z"


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    return make_world(aws)


def sent(world: World) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Body and attributes of every waiting message, which become visible again at once."""
    client = world.aws.client("sqs", HOME)
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    while messages := client.receive_message(
        QueueUrl=world.queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=900
    ).get("Messages"):
        for one in messages:
            found[one["ReceiptHandle"]] = (json.loads(one["Body"]), one["MessageAttributes"])
    for receipt in found:
        client.change_message_visibility(QueueUrl=world.queue, ReceiptHandle=receipt, VisibilityTimeout=0)
    return list(found.values())


def running(world: World, number: int, *, ends: timedelta) -> None:
    world.services.ledger.begin(
        Record(
            id=SnapshotId(f"{number:032x}"),
            user="someone",
            host="h",
            start=EVENING,
            lease_until=EVENING + ends,
            epoch=1,
        )
    )


class SlowReads:
    """S3 of which every read of a user's file takes three seconds of the world's clock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client = world.aws.client("s3", HOME)
        self.reads = 0
        self.dies_after: int | None = None
        world.clients.replaced["s3"] = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **request: Any) -> Any:
        if request["Bucket"] == self._world.source:
            self.reads += 1
            if self.reads == self.dies_after:
                raise Killed
            self._world.clock.sleep(3)
        return self._client.get_object(**request)


class SlowBody(SlowReads):
    """S3 of which every read of a piece of a user's file takes fifteen seconds of the world's clock."""

    def get_object(self, **request: Any) -> Any:
        answer = self._client.get_object(**request)
        if request["Bucket"] != self._world.source:
            return answer
        body, honest = answer["Body"], answer["Body"].read

        def read(size: int) -> bytes:
            self._world.clock.sleep(15)
            data: bytes = honest(size)
            self.reads += len(data)
            return data

        body.read = read
        return answer


class TestDispatch:
    def test_every_folder_is_a_user_and_every_user_gets_one_job(self, world: World) -> None:
        with_users(world, *(f"user-{number:04}" for number in range(1, 24)))
        answer = world.dispatch()
        assert answer["statusCode"] == 200
        assert (answer["totalUsers"], answer["queued"], answer["estimatedCompletionTime"]) == (23, 23, None)
        messages = sorted(sent(world), key=lambda one: one[0]["userId"])
        assert [body for body, _ in messages] == [
            {
                "userId": f"user-{number:04}",
                "timestamp": RUN,
                "priority": "HIGH" if number <= 2 else "NORMAL",
                "backupType": "INCREMENTAL",
            }
            for number in range(1, 24)
        ]
        assert [attributes["Priority"]["StringValue"] for _, attributes in messages] == ["HIGH"] * 2 + ["NORMAL"] * 21
        assert {attributes["BackupType"]["StringValue"] for _, attributes in messages} == {"INCREMENTAL"}
        assert world.notices() == [
            (
                "Daily Backup Initiated Successfully",
                {"run": RUN, "users": 23, "estimatedCompletionTime": None},
            )
        ]

    def test_a_repeated_event_queues_nothing_and_tells_nobody_again(self, world: World) -> None:
        with_users(world, "ann", "bob")
        world.dispatch(owner="one")
        again = world.dispatch(owner="two")
        assert (again["statusCode"], again["totalUsers"], again["queued"]) == (200, 2, 0)
        assert len(sent(world)) == 2
        assert world.subjects() == ["Daily Backup Initiated Successfully"]

    def test_the_next_event_queues_everybody_again(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        assert world.dispatch(at=EVENING + DAY)["queued"] == 1
        assert {body["timestamp"] for body, _ in sent(world)} == {RUN, "2026-11-22T02:00:00Z"}

    def test_two_events_at_once_are_one_run(self, world: World) -> None:
        with_users(world, "ann")
        world.services.runs.claim(RUN, "the other", world.clock.now())
        with pytest.raises(Conflict, match="being queued by another"):
            world.dispatch()
        assert (sent(world), world.notices()) == ([], [])

    def test_a_run_whose_initiator_died_goes_on_after_a_minute(self, world: World) -> None:
        with_users(world, "ann")
        world.services.runs.claim(RUN, "the dead", world.clock.now())
        world.clock.sleep(61)
        assert world.dispatch()["queued"] == 1

    def test_a_full_house_skips_the_run_and_says_so(self, world: World) -> None:
        with_users(world, "ann")
        for number in range(10):
            running(world, number, ends=timedelta(minutes=5))
        answer = world.dispatch()
        assert (answer["statusCode"], answer["queued"]) == (200, 0)
        assert sent(world) == []
        assert world.notices() == [
            ("Backup Skipped - Max Concurrent Reached", {"run": RUN, "running": 10, "maximum": 10})
        ]

    def test_backups_whose_lease_ended_are_not_running(self, world: World) -> None:
        with_users(world, "ann")
        for number in range(10):
            running(world, number, ends=timedelta(minutes=5) if number else timedelta(0))
        assert world.dispatch()["queued"] == 1

    def test_no_user_at_all_is_a_failure_that_is_told(self, world: World) -> None:
        with pytest.raises(SourceUnreadable, match="no user was found"):
            world.dispatch()
        ((subject, facts),) = world.notices()
        assert subject == "Backup Initiation Failed"
        assert "no user was found" in facts["error"]

    def test_users_of_a_table_are_queued_marked_ones_first(self, aws: EmbeddedAws) -> None:
        table = "test-users"
        client = aws.client("dynamodb", HOME)
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        )
        for name, priority in (("ann", None), ("bob", None), ("zoe", "HIGH")):
            item = {"userId": text(name)} | ({"priority": text(priority)} if priority else {})
            client.put_item(TableName=table, Item=item)
        world = make_world(aws, HOLDFAST_USERS_TABLE=table)
        world.dispatch()
        found = {body["userId"]: body["priority"] for body, _ in sent(world)}
        assert found == {"zoe": "HIGH", "ann": "HIGH", "bob": "NORMAL"}

    def test_estimate_is_of_measured_backups(self, world: World) -> None:
        with_users(world, "ann", "bob", "eve", "kim")
        ledger = world.services.ledger
        for number, minutes in enumerate((2, 4)):
            running(world, number, ends=timedelta(hours=1))
            ledger.finish(SnapshotId(f"{number:032x}"), Status.COMPLETED, EVENING + timedelta(minutes=minutes), {})
        # Four users, three minutes each, ten at a time.
        assert world.dispatch()["estimatedCompletionTime"] == "2026-11-21T02:01:12+00:00"


class TestBackUp:
    def test_every_job_makes_one_snapshot_and_counts_it(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        with_users(world, "ann", "bob")
        world.dispatch()
        capsys.readouterr()
        assert world.work() == [True, True]
        counted = metrics(capsys.readouterr().out)
        assert (counted["CompletedBackups"], counted["Files"], counted["BytesRead"]) == (2, 2, 24)
        records = world.services.ledger.completed()
        assert sorted(record.user for record in records) == ["ann", "bob"]
        assert world.services.ledger.active() == []

    def test_a_second_message_for_a_done_job_is_acknowledged_without_work(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        world.work()
        world.services.queue.send([Job(user="ann", run=RUN)])
        before = world.aws.requests()["s3.ListObjectsV2"]
        assert world.work() == [True]
        assert len(world.services.ledger.completed("ann")) == 1
        assert world.aws.requests()["s3.ListObjectsV2"] == before

    def test_a_job_that_another_worker_is_at_comes_back_when_its_lease_ends(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        attempt = next(Job(user="ann", run=RUN).attempts())
        other = Record(
            id=attempt, user="ann", host="h", start=EVENING, lease_until=EVENING + timedelta(minutes=2), epoch=1
        )
        world.services.ledger.begin(other)
        assert world.work() == [False]
        assert world.services.ledger.completed() == []

    def test_a_dead_workers_job_is_taken_over_by_the_next_attempt(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        attempts = Job(user="ann", run=RUN).attempts()
        first, second = next(attempts), next(attempts)
        dead = Record(
            id=first, user="ann", host="h", start=EVENING, lease_until=EVENING - timedelta(seconds=1), epoch=1
        )
        world.services.ledger.begin(dead)
        assert world.work() == [True]
        assert [record.id for record in world.services.ledger.completed("ann")] == [second]
        assert world.services.ledger.get([first])[first].status is Status.ABANDONED

    def test_what_did_not_change_is_not_read_again(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        for number in range(5):
            world.put("ann", f"f{number}", bytes([number]) * 1000)
        world.dispatch()
        world.work()
        world.put("ann", "f3", b"changed")
        world.dispatch(at=EVENING + DAY)
        capsys.readouterr()
        world.work()
        counted = metrics(capsys.readouterr().out)
        assert (counted["BytesRead"], counted["BytesAdded"] < 2000) == (7, True)

    def test_the_same_content_of_two_users_is_stored_once(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        content = random.Random(1).randbytes(300_000)
        for user in ("ann", "bob"):
            world.put(user, "same", content)
        world.dispatch()
        capsys.readouterr()
        world.work()
        assert 300_000 < metrics(capsys.readouterr().out)["BytesStored"] < 320_000

    def test_running_out_of_time_continues_in_a_new_message_where_it_stopped(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for number in range(40):
            world.put("ann", f"folder-{number // 7}/f{number:02}", random.Random(number).randbytes(4000))
        world.dispatch()
        slow = SlowReads(world)
        capsys.readouterr()
        outcomes = world.work(limit=timedelta(seconds=60))
        counted = metrics(capsys.readouterr().out)
        assert outcomes == [True] * len(outcomes)
        assert len(outcomes) > 1
        assert counted["ResumedBackups"] == len(outcomes) - 1
        assert counted["CompletedBackups"] == 1
        assert len(world.services.ledger.completed("ann")) == 1
        assert {record.figures["reason"] for record in world.services.ledger.ended()} == {"deadline"}
        assert slow.reads <= 40 + len(outcomes)  # a file on which time ran out is read again
        restore.run({"user": "ann", "target_prefix": "x"}, world.services, world.clock.now() + DAY)
        assert len(world.restored_files("x/")) == 40

    def test_a_file_that_takes_longer_than_an_invocation_is_backed_up_in_several(self, world: World) -> None:
        data = random.Random(1).randbytes(24_000_000)
        world.put("ann", "large", data)
        world.dispatch()
        slow = SlowBody(world)
        outcomes = world.work(limit=timedelta(seconds=60))
        assert outcomes == [True] * len(outcomes)
        assert len(outcomes) > 2
        assert len(world.services.ledger.completed("ann")) == 1
        assert slow.reads < 2 * len(data)  # what of the last piece was not cut yet is read again
        restore.run({"user": "ann", "target_prefix": "x"}, world.services, world.clock.now() + DAY)
        assert list(world.restored_files("x/").values()) == [data]

    def test_a_killed_workers_job_goes_on_from_its_last_checkpoint(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(120):
            world.put("ann", f"{number:03}", random.Random(number).randbytes(20_000))
        world.dispatch()
        slow = SlowReads(world)
        (message,) = world.receive()
        with monkeypatch.context() as patch:
            patch.setattr(Session, "close", lambda self, reason: None)
            patch.setattr(slow, "dies_after", 110)
            with pytest.raises(Killed):
                work(message, world.services, world.clock.now() + timedelta(seconds=900))
        (record,) = world.services.ledger.active()
        assert bytes_noted(record) >= 100 * 20_000
        world.clock.sleep(901)
        world.new_process()
        slow = SlowReads(world)
        assert work(message, world.services, world.clock.now() + timedelta(seconds=900))
        assert slow.reads <= 20
        assert len(world.services.ledger.completed("ann")) == 1
        restore.run({"user": "ann", "target_prefix": "x"}, world.services, world.clock.now() + DAY)
        assert len(world.restored_files("x/")) == 120

    def test_too_little_time_puts_the_job_back_before_it_begins(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        (message,) = world.receive()
        assert work(message, world.services, world.clock.now() + timedelta(seconds=5))
        assert world.services.ledger.active() == world.services.ledger.ended() == []
        assert [body["userId"] for body, _ in sent(world)] == ["ann"]

    @pytest.mark.parametrize(
        "body",
        [
            "no json",
            "[]",
            '{"userId": "ann"}',
            '{"userId": "../bob", "timestamp": "2026-11-21T02:00:00Z"}',
            '{"userId": "", "timestamp": "2026-11-21T02:00:00Z"}',
            '{"userId": "ann", "timestamp": "yesterday"}',
        ],
    )
    def test_a_poison_message_ends_after_three_receives_and_touches_nothing(
        self, world: World, capsys: pytest.CaptureFixture[str], body: str
    ) -> None:
        sqs = world.aws.client("sqs", HOME)
        dead = sqs.create_queue(QueueName=f"{world.stores.bucket}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        sqs.set_queue_attributes(QueueUrl=world.queue, Attributes={"RedrivePolicy": policy})
        sqs.send_message(QueueUrl=world.queue, MessageBody=body)
        assert world.work() == [False] * 3
        assert metrics(capsys.readouterr().out)["RejectedMessages"] == 3
        assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == body
        assert world.services.ledger.ended() == []

    def test_a_user_who_vanished_fails_and_is_told(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        world.services.queue.send([Job(user="ghost", run=RUN)])
        assert world.work() == [False]
        ((subject, facts),) = world.notices()
        assert subject == "Backup Failed"
        assert facts["user"] == "ghost"
        assert "holds no object" in facts["error"]
        assert metrics(capsys.readouterr().out)["FailedBackups"] == 1

    def test_keys_that_no_folder_holds_are_told_and_the_rest_is_kept(self, world: World) -> None:
        with_users(world, "ann")
        world.put("ann", "a//b", b"")
        world.dispatch()
        assert world.work() == [True]
        subject, facts = world.notices()[-1]
        assert (subject, facts["skipped"]) == ("Backup Incomplete", 1)
        assert "a//b" in facts["files"][0]


class TestRestore:
    def end(self, world: World) -> Any:
        return world.clock.now() + timedelta(minutes=15)

    def test_any_kept_day_comes_back_with_types_and_metadata(self, world: World) -> None:
        for day, content in enumerate((b"monday", b"tuesday", b"wednesday")):
            world.put("ann", "deep/notes.txt", content, ContentType="text/plain", Metadata={"author": "ann"})
            world.dispatch(at=EVENING + day * DAY)
            world.work()
            world.clock.sleep(DAY.total_seconds())
        event = {"user": "ann", "at": "2026-11-22T12:00:00Z", "target_prefix": "for/ann"}
        answer = restore.run(event, world.services, self.end(world))
        assert (answer["files"], answer["target"]) == (1, f"s3://{world.restored}/for/ann")
        assert world.restored_files("for/ann/") == {"deep/notes.txt": b"tuesday"}
        found = world.aws.client("s3", HOME).head_object(Bucket=world.restored, Key="for/ann/deep/notes.txt")
        assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"author": "ann"})
        assert world.subjects()[-1] == "Restore Completed"

    def test_newest_snapshot_goes_below_user_and_id_by_default(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        world.work()
        answer = restore.run({"user": "ann"}, world.services, self.end(world))
        assert world.restored_files(f"ann/{answer['snapshot']}/") == {"notes.txt": b"notes of ann"}

    def test_one_folder_can_be_restored_alone(self, world: World) -> None:
        for name in ("a/1", "a/2", "b/3"):
            world.put("ann", name, name.encode())
        world.dispatch()
        world.work()
        restore.run({"user": "ann", "path": "a", "target_prefix": "x"}, world.services, self.end(world))
        assert world.restored_files("x/") == {"1": b"a/1", "2": b"a/2"}

    @pytest.mark.parametrize(
        ("event", "words"),
        [
            ({}, "either 'user' or 'snapshot'"),
            ({"user": "ann", "snapshot": "ab"}, "either 'user' or 'snapshot'"),
            ({"user": "ann", "when": "now"}, "got 'when'"),
            ({"user": "ann", "at": "noon"}, "at must be a time"),
            ({"user": "../ann"}, "name of one folder"),
            ({"user": "ann", "path": 5}, "path must be text"),
            ({"snapshot": "ab", "at": "2026-11-22T12:00:00Z"}, "leave it out"),
        ],
    )
    def test_a_wrong_request_is_refused_in_one_line(self, world: World, event: dict[str, Any], words: str) -> None:
        with pytest.raises(InvalidRequest, match=words):
            restore.run(event, world.services, self.end(world))
        assert world.subjects() == ["Restore Failed"]

    def test_a_time_before_the_first_snapshot_names_the_oldest(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        world.work()
        with pytest.raises(NotFound, match="the oldest is of 2026-11-21T02:00:00"):
            restore.run({"user": "ann", "at": "2026-11-20T00:00:00Z"}, world.services, self.end(world))


class TestVerifyAndPrune:
    def test_a_sample_is_read_back_and_one_user_restored(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with_users(world, "ann", "bob")
        world.dispatch()
        world.work()
        capsys.readouterr()
        answer = verify.run(world.services, random.Random(7))
        assert (answer["ok"], answer["snapshots"], answer["restoredFiles"]) == (True, 2, 1)
        assert metrics(capsys.readouterr().out)["DamagedObjects"] == 0

    def test_a_damaged_pack_fails_the_verification_and_is_told(self, world: World) -> None:
        content = random.Random(3).randbytes(100_000)
        world.put("ann", "big", content)
        world.dispatch()
        world.work()
        s3 = world.aws.client("s3", HOME)
        (largest,) = sorted(world.stores.objects.list("packs/"), key=lambda found: found.size)[-1:]
        key = world.stores.prefix + largest.key
        data = bytearray(s3.get_object(Bucket=world.stores.bucket, Key=key)["Body"].read())
        data[len(data) // 2] ^= 1
        s3.put_object(Bucket=world.stores.bucket, Key=key, Body=bytes(data))
        with pytest.raises(Exception, match="not what was written"):
            verify.run(world.services, random.Random(7))
        assert world.subjects()[-1] == "Verification Failed"

    def test_old_snapshots_go_and_what_kept_ones_share_with_them_stays(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kept, gone = random.Random(1).randbytes(200_000), random.Random(2).randbytes(200_000)
        world.put("ann", "gone", gone)
        world.dispatch()
        world.work()
        world.put("ann", "kept", kept)
        world.aws.client("s3", HOME).delete_object(Bucket=world.source, Key="users/ann/gone")
        for day in (1, 62, 63):
            world.clock.sleep((EVENING + day * DAY - world.clock.now()).total_seconds())
            world.dispatch(at=EVENING + day * DAY)
            world.work()
        capsys.readouterr()
        first = prune.run(world.services, owner="one", lease=timedelta(minutes=16))
        prune.run(world.services, owner="two", lease=timedelta(minutes=16))
        counted = metrics(capsys.readouterr().out)
        assert first["forgotten"] == 2
        assert counted["ForgottenSnapshots"] == 2
        assert counted["DeletedBytes"] > 190_000
        end = world.clock.now() + timedelta(minutes=15)
        restore.run({"user": "ann", "target_prefix": "x"}, world.services, end)
        assert world.restored_files("x/") == {"kept": kept}
        assert verify.run(world.services, random.Random(7))["ok"]


class TestCreate:
    def properties(self, world: World) -> dict[str, str]:
        return {
            "Bucket": world.stores.bucket,
            "Prefix": world.stores.prefix,
            "KeyArn": world.keys[0],
            "ReplicaKeyArn": world.keys[1],
        }

    def test_making_it_again_keeps_what_is_there(self, world: World) -> None:
        before = list(world.stores.objects.list(""))
        made = ensure_repository(self.properties(world), world.clients, world.clock)
        assert made == {"RepositoryId": world.services.repository.id}
        assert list(world.stores.objects.list("")) == before

    def test_the_replicas_key_opens_it_without_the_first_region(self, world: World) -> None:
        with_users(world, "ann")
        world.dispatch()
        world.work()
        elsewhere = world.with_environment(HOLDFAST_KEY_ARN=world.keys[1])
        world.aws.client("kms", HOME).disable_key(KeyId=world.keys[0])
        assert elsewhere.repository.id
        assert len(elsewhere.repository.ledger.completed()) == 1

    def test_a_new_key_gets_a_slot_from_one_that_opens(self, world: World) -> None:
        new = world.aws.client("kms", AWAY).create_key()["KeyMetadata"]["Arn"]
        ensure_repository({**self.properties(world), "ReplicaKeyArn": new}, world.clients, world.clock)
        assert world.with_environment(HOLDFAST_KEY_ARN=new).repository.id == world.services.repository.id

    def test_a_repository_of_other_keys_is_left_alone(self, world: World) -> None:
        before = list(world.stores.objects.list("config"))
        keys = [world.aws.client("kms", region).create_key()["KeyMetadata"]["Arn"] for region in (HOME, AWAY)]
        with pytest.raises(WrongKey):
            ensure_repository(
                {**self.properties(world), "KeyArn": keys[0], "ReplicaKeyArn": keys[1]}, world.clients, world.clock
            )
        assert list(world.stores.objects.list("config")) == before

    def test_a_missing_property_is_named(self, world: World) -> None:
        with pytest.raises(InvalidRequest, match="KeyArn"):
            ensure_repository({**self.properties(world), "KeyArn": ""}, world.clients, world.clock)
