"""What goes wrong in AWS while the vault runs: nothing acknowledged is lost, nobody is queued or backed up twice."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from holdfast.backup.ports import Status
from holdfast.backup.stores.aws.ledger import DynamoLedger
from holdfast.errors import HoldfastError, StoreDenied, StoreUnavailable
from holdfast.rehearsal.ports import EmbeddedAws, Fault
from holdfast.vault import verify
from holdfast.vault.back_up import work
from holdfast.vault.jobs import Job
from tests.support.faults import Killed
from tests.support.vaults import HOME, EmulatedClients, World, make_world, metrics, with_users

pytestmark = pytest.mark.emulator

RUN = "2026-11-21T02:00:00Z"
WRITES = {
    "put_object",
    "transact_write_items",
    "update_item",
    "send_message_batch",
    "publish",
    "change_message_visibility",
}


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    return make_world(aws)


def once(world: World) -> World:
    """Let a fault be met by the vault's own code, not by the SDK's retries."""
    world.new_process(EmulatedClients(world.aws, once=True))
    return world


def waiting_users(world: World) -> Counter[str]:
    return Counter(json.loads(message.body)["userId"] for message in world.receive())


class Doomed:
    """A client whose process dies at its n-th write, before or after it took effect."""

    def __init__(self, client: Any, fate: Fate) -> None:
        self._client = client
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return (lambda **request: self._fate.meet(lambda: method(**request))) if name in WRITES else method


class Fate:
    """Counts the writes of a process and ends it at one of them."""

    def __init__(self, at: int, *, after: bool) -> None:
        self._at = at
        self._after = after
        self.writes = 0

    def meet(self, call: Callable[[], Any]) -> Any:
        self.writes += 1
        if self.writes < self._at:
            return call()
        if self.writes == self._at and self._after:
            call()
        raise Killed

    @property
    def is_met(self) -> bool:
        return self.writes >= self._at

    def clients(self, aws: EmbeddedAws) -> EmulatedClients:
        made = EmulatedClients(aws)
        for service in ("s3", "dynamodb", "sqs", "sns"):
            made.replaced[service] = Doomed(aws.client(service, HOME), self)
        return made


class TestDispatch:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_a_crash_at_any_write_loses_no_user_and_a_repetition_queues_at_most_ten_again(
        self, aws: EmbeddedAws, after: bool
    ) -> None:
        names = [f"user-{number:02}" for number in range(25)]
        for at in range(1, 50):
            world = with_users(make_world(aws), *names)
            fate = Fate(at, after=after)
            world.new_process(fate.clients(aws))
            with suppress(Killed):
                world.dispatch(owner="first")
            world.new_process()
            world.clock.sleep(61)
            world.dispatch(owner="second")
            queued = waiting_users(world)
            assert set(queued) == set(names)
            assert sum(queued.values()) <= 35
            assert world.dispatch(owner="third")["queued"] == 0
            if not fate.is_met:
                break
        else:
            pytest.fail("the last write was never reached")

    def test_entries_that_the_queue_refuses_are_sent_again(self, world: World) -> None:
        with_users(world, *(f"user-{number:02}" for number in range(12)))
        sqs = RefusingQueue(world, {"user-03": 2, "user-11": 1})
        assert world.dispatch()["queued"] == 12
        assert set(waiting_users(world).values()) == {1}
        assert sqs.refusals == 3
        assert len(world.stores.pauses) == 3

    def test_entries_refused_for_good_fail_the_run_and_only_they_are_sent_by_its_repetition(self, world: World) -> None:
        names = [f"user-{number:02}" for number in range(25)]
        with_users(world, *names)
        RefusingQueue(world, {"user-03": 99})
        with pytest.raises(StoreUnavailable, match="1 users could not be queued"):
            world.dispatch(owner="first")
        assert set(waiting_users(world)) == set(names) - {"user-03"}
        assert world.subjects() == ["Backup Initiation Failed"]
        world.new_process()
        answer = world.dispatch(owner="second")
        assert (answer["queued"], answer["totalUsers"]) == (1, 25)
        assert waiting_users(world) == {"user-03": 1}

    def test_a_queue_that_takes_nothing_stops_the_run_at_once(self, world: World) -> None:
        names = [f"user-{number:02}" for number in range(25)]
        with_users(world, *names)
        sqs = RefusingQueue(world, dict.fromkeys(names, 99))
        with pytest.raises(StoreUnavailable, match="took none of 10"):
            world.dispatch(owner="first")
        assert sqs.sends == world.services.patience.attempts
        world.new_process()
        assert world.dispatch(owner="second")["queued"] == 25

    def test_a_denied_source_is_told_and_raised(self, world: World) -> None:
        once(world)
        with (
            world.aws.inject(Fault(service="s3", operation="ListObjectsV2", error="AccessDenied")),
            pytest.raises(StoreDenied, match="AccessDenied"),
        ):
            world.dispatch()
        assert world.subjects() == ["Backup Initiation Failed"]

    def test_a_dead_topic_does_not_hide_the_error(self, world: World) -> None:
        once(world)
        with (
            world.aws.inject(Fault(service="sns", operation="Publish", error="KMSDisabled", times=5)),
            pytest.raises(HoldfastError, match="no user was found"),
        ):
            world.dispatch()


class RefusingQueue:
    """SQS that refuses entries of some users so many times."""

    def __init__(self, world: World, refuse: dict[str, int]) -> None:
        self._client = world.aws.client("sqs", HOME)
        self._left = dict(refuse)
        self.refusals = self.sends = 0
        world.new_process()
        world.clients.replaced["sqs"] = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803 - the SDK's names
        self.sends += 1
        failed, taken = [], []
        for entry in Entries:
            user = json.loads(entry["MessageBody"])["userId"]
            if self._left.get(user, 0) > 0:
                self._left[user] -= 1
                self.refusals += 1
                failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                taken.append(entry)
        answer = self._client.send_message_batch(QueueUrl=QueueUrl, Entries=taken) if taken else {"Successful": []}
        return {**answer, "Failed": failed}


class TestBackUp:
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_a_worker_killed_at_any_write_leaves_one_snapshot_in_the_end(self, aws: EmbeddedAws, after: bool) -> None:
        for at in range(1, 50):
            world = make_world(aws)
            for name in ("a", "b"):
                world.put("ann", name, random.Random(name).randbytes(50_000))
            world.services.queue.send([Job(user="ann", run=RUN)])
            fate = Fate(at, after=after)
            world.new_process(fate.clients(aws))
            with suppress(Killed):
                world.work()
            world.new_process()
            world.clock.sleep(901)
            world.services.queue.send([Job(user="ann", run=RUN)])  # what becomes visible again
            assert world.work() == [True]
            assert len(world.services.ledger.completed()) == 1
            assert world.services.ledger.active() == []
            assert verify.run(world.services, random.Random(at))["ok"]
            if not fate.is_met:
                break
        else:
            pytest.fail("the last write was never reached")

    @pytest.mark.parametrize(
        "fault",
        [
            Fault(service="dynamodb", operation="TransactWriteItems", error="ProvisionedThroughputExceededException"),
            Fault(service="dynamodb", operation="BatchGetItem", error="ThrottlingException"),
            Fault(service="s3", operation="PutObject", error="SlowDown"),
            Fault(service="s3", operation="PutObject", error="InternalError"),
            Fault(service="s3", operation="PutObject", error="ConnectionReset"),
            Fault(service="s3", operation="GetObject", error="ServiceUnavailable", skip=3),
            Fault(service="kms", operation="Decrypt", error="KMSInternalException"),
        ],
        ids=lambda fault: f"{fault.operation}-{fault.error}",
    )
    def test_a_passing_fault_costs_an_attempt_and_nothing_else(
        self, world: World, capsys: pytest.CaptureFixture[str], fault: Fault
    ) -> None:
        with_users(world, "ann")
        world.services.queue.send([Job(user="ann", run=RUN)])
        once(world)
        with world.aws.inject(fault):
            assert world.work() == [False]
        assert metrics(capsys.readouterr().out).get("FailedBackups") == 1
        assert world.subjects() == []  # it will be tried again
        world.services.queue.send([Job(user="ann", run=RUN)])
        assert world.work() == [True]
        assert len(world.services.ledger.completed()) == 1

    def test_the_sdk_rides_out_a_throttled_table_and_failed_puts(self, world: World) -> None:
        with_users(world, "ann")
        world.services.queue.send([Job(user="ann", run=RUN)])
        throttled = Fault(service="dynamodb", error="ProvisionedThroughputExceededException", times=2)
        slow = Fault(service="s3", operation="PutObject", error="SlowDown", times=2)
        with world.aws.inject(throttled), world.aws.inject(slow):
            assert world.work() == [True]

    def test_an_expired_credential_fails_the_job_and_says_what_to_do(self, world: World) -> None:
        with_users(world, "ann")
        world.services.queue.send([Job(user="ann", run=RUN)])
        once(world)
        with world.aws.inject(Fault(service="s3", operation="PutObject", error="ExpiredToken")):
            assert world.work() == [False]
        ((subject, facts),) = world.notices()
        assert subject == "Backup Failed"
        assert facts["error"].endswith("renew the credentials")
        (record,) = world.services.ledger.ended()
        assert record.status is Status.FAILED

    def test_one_bad_file_is_skipped_and_a_source_without_rights_is_no_success(
        self, world: World, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("a", "b"):
            world.put("ann", name, name.encode())
        world.services.queue.send([Job(user="ann", run=RUN)])
        once(world)
        assert world.services.repository.id
        with world.aws.inject(Fault(service="s3", operation="GetObject", error="AccessDenied")):
            assert world.work() == [True]
        assert world.subjects() == ["Backup Incomplete"]
        world.put("bob", "only", b"x")
        world.services.queue.send([Job(user="bob", run=RUN)])
        with world.aws.inject(Fault(service="s3", operation="GetObject", error="AccessDenied")):
            assert world.work() == [False]
        assert metrics(capsys.readouterr().out)["FailedBackups"] == 1

    def test_the_third_failure_is_told(self, world: World) -> None:
        with_users(world, "ann")
        world.services.queue.send([Job(user="ann", run=RUN)])
        once(world)
        fault = Fault(service="s3", operation="PutObject", error="SlowDown", times=9)
        sqs = world.aws.client("sqs", HOME)
        with world.aws.inject(fault):
            for receive in range(3):
                (message,) = world.receive()
                assert message.receives == receive + 1

                assert not work(message, world.services, world.clock.now() + timedelta(seconds=150))
                sqs.change_message_visibility(QueueUrl=world.queue, ReceiptHandle=message.receipt, VisibilityTimeout=0)
        assert world.subjects() == ["Backup Failed"]

    def test_two_workers_with_the_same_job_make_one_snapshot(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_users(world, "ann")
        world.services.queue.send([Job(user="ann", run=RUN), Job(user="ann", run=RUN)])
        first, second = world.receive()

        outcomes: list[bool] = []
        begin = DynamoLedger.begin

        def begin_beside(ledger: Any, record: Any) -> None:
            """The other worker looks at the same attempts and begins before us."""
            monkeypatch.undo()
            outcomes.append(work(second, world.services, world.clock.now() + timedelta(seconds=150)))
            begin(ledger, record)

        monkeypatch.setattr(DynamoLedger, "begin", begin_beside)
        outcomes.append(work(first, world.services, world.clock.now() + timedelta(seconds=150)))
        assert outcomes == [True, False]
        assert len(world.services.ledger.completed()) == 1

    def test_users_of_the_same_file_publish_it_at_the_same_time(self, world: World) -> None:
        """Transactions on the same chunk rows collide; every one of them ends."""

        content = random.Random(5).randbytes(200_000)
        names = [f"user-{number:02}" for number in range(12)]
        for name in names:
            world.put(name, "same", content)
        world.services.queue.send([Job(user=name, run=RUN) for name in names[:10]])
        world.services.queue.send([Job(user=name, run=RUN) for name in names[10:]])

        messages = world.receive()
        assert world.services.repository.id
        end = world.clock.now() + timedelta(seconds=150)
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda message: work(message, world.services, end), messages))
        assert len(world.services.ledger.completed()) == 12
        assert verify.run(world.services, random.Random(1))["ok"]
