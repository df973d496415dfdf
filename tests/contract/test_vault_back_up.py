"""The vault's worker on the embedded AWS: every job makes one snapshot, whoever dies."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from holdfast.backup.ports import Record, Status
from holdfast.backup.resume import bytes_noted
from holdfast.backup.session import Session
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault import restore
from holdfast.vault.back_up import work
from holdfast.vault.jobs import Job
from tests.support.faults import Killed
from tests.support.vaults import EVENING, HOME, World, make_world, metrics, sent, with_users

pytestmark = pytest.mark.emulator

DAY = timedelta(days=1)
RUN = "2026-11-21T02:00:00Z"


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    return make_world(aws)


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
