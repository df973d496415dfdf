"""The vault's dispatcher on the embedded AWS: every user is queued once a run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.ports import Record, Status
from holdfast.backup.stores.aws.dynamodb import text
from holdfast.errors import Conflict, SourceUnreadable
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.vaults import EVENING, HOME, World, make_world, sent, with_users

pytestmark = pytest.mark.emulator

DAY = timedelta(days=1)
RUN = "2026-11-21T02:00:00Z"


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    return make_world(aws)


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
