"""Opening a repository in AWS by name, and moving dead letters back."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from holdfast.backup.stores.aws.open import create_in_aws, locate, open_in_aws
from holdfast.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.vault.replay import replay
from tests.support.clocks import FakeClock
from tests.support.vaults import AWAY, HOME, EmulatedClients, World, make_world

pytestmark = pytest.mark.emulator


@pytest.fixture
def world(aws: EmbeddedAws) -> World:
    made = make_world(aws)
    made.put("ann", "notes.txt", b"notes")
    made.dispatch()
    made.work()
    return made


def stack(world: World, outputs: dict[str, str], region: str = HOME) -> str:
    """Deploy a stack that has these outputs and return its name."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    client = world.aws.client("cloudformation", region)
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 50})
    return name


def vault_outputs(world: World) -> dict[str, str]:
    return {
        "RepositoryUri": f"s3://{world.stores.bucket}/{world.stores.prefix}",
        "MetadataTableName": world.stores.metadata,
        "DeduplicationTableName": world.stores.deduplication,
        "EncryptionKeyId": world.keys[0].rpartition("/")[2],
    }


def test_a_vault_is_opened_by_its_stack(world: World) -> None:
    name = stack(world, vault_outputs(world))
    repository = open_in_aws(f"vault:{name}", clock=world.clock, clients=world.clients)
    assert [record.user for record in repository.ledger.completed()] == ["ann"]
    assert locate(f"vault:{name}", world.clients).key_arn == world.keys[0]


def test_a_bucket_is_opened_with_its_tables(world: World) -> None:
    stores = world.stores
    uri = f"s3://{stores.bucket}/backups?metadata={stores.metadata}&deduplication={stores.deduplication}"
    repository = open_in_aws(uri, clock=world.clock, clients=world.clients)
    assert len(repository.ledger.completed()) == 1


def test_the_key_of_the_deduplication_table_is_the_stacks_or_the_options(world: World) -> None:
    name = stack(world, {**vault_outputs(world), "DeduplicationKeyAttribute": "fileHash"})
    assert locate(f"vault:{name}", world.clients).hash_attribute == "fileHash"
    tables = "s3://bucket/backups?metadata=m&deduplication=d"
    assert locate(f"{tables}&hash=fileHash", world.clients).hash_attribute == "fileHash"
    assert locate(tables, world.clients).hash_attribute == "contentHash"


def test_a_bucket_without_tables_is_read_through_its_footers_and_never_changed(world: World) -> None:
    repository = open_in_aws(f"s3://{world.stores.bucket}/backups", clock=world.clock, clients=world.clients)
    assert [record.user for record in repository.ledger.completed()] == ["ann"]
    for change in (lambda: repository.objects.put("x", b""), lambda: repository.objects.delete("config")):
        with pytest.raises(InvalidRequest, match="can only be read"):
            change()


def test_a_replica_is_opened_by_its_stack_and_its_own_key(world: World) -> None:
    outputs = {
        "ReplicationBucketArn": f"arn:aws:s3:::{world.stores.bucket}",
        "ReplicationKeyArn": world.keys[1],
    }
    world.aws.client("kms", HOME).disable_key(KeyId=world.keys[0])
    name = stack(world, outputs, AWAY)
    repository = open_in_aws(f"vault:{name}?region={AWAY}", clock=world.clock, clients=world.clients)
    assert len(repository.ledger.completed()) == 1


def test_a_repository_is_created_in_a_bucket_once(world: World) -> None:
    uri = f"s3://{world.stores.bucket}/other?key={world.keys[0]}"
    made = create_in_aws(uri, clock=world.clock, clients=world.clients)
    assert open_in_aws(uri, clock=world.clock, clients=world.clients).id == made
    with pytest.raises(Conflict):
        create_in_aws(uri, clock=world.clock, clients=world.clients)


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ("s3://", "must be a folder"),
        ("s3://b/p?table=t", "option 'table'"),
        ("s3://b/p?metadata=t", "give both"),
        ("s3://b/p?key=", "empty 'key'"),
        ("vault:", "name of a stack"),
    ],
)
def test_a_wrong_name_is_refused_in_one_line(aws: EmbeddedAws, repo: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as raised:
        locate(repo, EmulatedClients(aws))
    assert "\n" not in str(raised.value)


def test_a_vault_is_not_created_by_hand(aws: EmbeddedAws) -> None:
    with pytest.raises(InvalidRequest, match="holdfast deploy"):
        create_in_aws("vault:x", clock=FakeClock(), clients=EmulatedClients(aws))


def test_a_stack_that_is_not_there_is_told(aws: EmbeddedAws) -> None:
    with pytest.raises(NotFound, match="no stack 'nowhere' in us-east-1"):
        locate("vault:nowhere", EmulatedClients(aws))


def test_a_stack_of_something_else_is_told(world: World) -> None:
    with pytest.raises(NotFound, match="no output RepositoryUri"):
        locate(f"vault:{stack(world, {'Other': 'x'})}", world.clients)


class TestReplay:
    @pytest.fixture
    def dead(self, world: World) -> str:
        """A dead-letter queue of the backup queue, with three letters."""
        sqs = world.aws.client("sqs", HOME)
        url: str = sqs.create_queue(QueueName=f"{world.stores.bucket}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        sqs.set_queue_attributes(QueueUrl=world.queue, Attributes={"RedrivePolicy": policy})
        for number in range(3):
            sqs.send_message(QueueUrl=world.queue, MessageBody=f"letter {number}")
        for _ in range(2):
            for message in world.receive():
                sqs.change_message_visibility(QueueUrl=world.queue, ReceiptHandle=message.receipt, VisibilityTimeout=0)
        return url

    def test_dead_letters_go_back_to_the_queue_they_came_from(self, world: World, dead: str) -> None:
        name = stack(world, {"DeadLetterQueueUrl": dead})
        done = replay(name, clock=world.clock, clients=world.clients)
        assert (done.waiting, done.moved) == (3, 3)
        assert {message.body for message in world.receive()} == {f"letter {number}" for number in range(3)}
        assert replay(name, clock=world.clock, clients=world.clients).moved == 0

    def test_a_move_that_fails_says_how_far_it_came(self, world: World, dead: str) -> None:
        class Failing:
            def __init__(self, client: Any) -> None:
                self._client = client

            def __getattr__(self, name: str) -> Any:
                return getattr(self._client, name)

            def list_message_move_tasks(self, **_: Any) -> Any:
                task = {"Status": "FAILED", "FailureReason": "AccessDenied", "ApproximateNumberOfMessagesMoved": 2}
                return {"Results": [task]}

        world.clients.replaced["sqs"] = Failing(world.aws.client("sqs", HOME))
        name = stack(world, {"DeadLetterQueueUrl": dead})
        with pytest.raises(StoreUnavailable, match="after 2 dead letters the move failed: AccessDenied"):
            replay(name, clock=world.clock, clients=world.clients)

    def test_a_stack_without_dead_letters_is_told(self, world: World) -> None:
        with pytest.raises(NotFound, match="no backup vault"):
            replay(stack(world, {"Other": "x"}), clock=world.clock, clients=world.clients)
