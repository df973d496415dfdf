"""The vault's other handlers on the embedded AWS: restore, verify, prune, create."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from holdfast.errors import InvalidRequest, NotFound, WrongKey
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault import prune, restore, verify
from holdfast.vault.create import ensure_repository
from tests.support.vaults import AWAY, EVENING, HOME, World, make_world, metrics, with_users

pytestmark = pytest.mark.emulator

DAY = timedelta(days=1)


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    return make_world(aws)


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
