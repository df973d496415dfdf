"""What is tried on purpose: an event delivered twice, a message that is no job, one user's files fetched back."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.rehearsal.measure_recovery import Files
from holdfast.rehearsal.steps_backup import Day
from holdfast.rehearsal.steps_scene import Scene
from holdfast.rehearsal.steps_vault import EmbeddedClients, Vault
from holdfast.settings import variables as var
from holdfast.vault.replay import replay

POISON = "this is no job"
DEAD_LETTER_SECONDS = 60.0
LISTENER = "holdfast-rehearsal-listener"


def try_on_purpose(scene: Scene, day: Day) -> None:
    """Try what the vault has to stand on an ordinary day; each trial is recorded with what happened."""
    with scene.journal.step("trials") as step:
        before = len(scene.journal.trials)
        repeat_event(scene, day)
        poison(scene)
        user = random.Random(scene.options.seed).choice(sorted(scene.source.held))
        restore_one(scene, user, scene.ledger.expected[day.name, user])
        done = scene.journal.trials[before:]
        step.says = f"{sum(trial.passed for trial in done)} of {len(done)} as expected"


def try_roles(scene: Scene) -> None:
    """Invoke what runs seldom, each as its own role: at the strict level a missing permission fails it here."""
    with scene.journal.step("seldom functions") as step:
        for role, wanted in (("verify", "a sample of packs and one restored snapshot are whole"), ("prune", "it ends")):
            try:
                answer = scene.vault.invoke(role, {})
                observed, passed = f"it answered {_short(answer)}", bool(answer.get("ok", True))
            except HoldfastError as error:
                observed, passed = str(error), False
            scene.journal.trial(
                f"The {role} function, as its own role", expected=wanted, observed=observed, passed=passed
            )
        step.says = "verify and prune invoked as their own roles"


def _short(answer: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in answer.items() if isinstance(value, int))


def repeat_event(scene: Scene, day: Day) -> None:
    """Deliver the day's event again: nobody may be queued or backed up twice."""
    vault, counter = scene.vault, "sqs.SendMessageBatch"
    before = vault.aws.requests().get(counter, 0)
    answer = vault.invoke("initiator", scheduled_event(vault, day))
    sent = vault.aws.requests().get(counter, 0) - before
    waiting = sum(vault.waiting(vault.queue_url))
    snapshots = len(day.snapshots(vault.ledger().completed()))
    scene.journal.trial(
        "The daily event arrives twice",
        expected=f"nothing is queued again; {scene.users} users keep one snapshot each",
        observed=f"{sent} batches sent, {waiting} messages waiting, {snapshots} snapshots; "
        f"the dispatcher answered {answer.get('message')!r}",
        passed=sent == 0 and waiting == 0 and snapshots == scene.users,
    )


def scheduled_event(vault: Vault, day: Day) -> dict[str, Any]:
    """Return the event that EventBridge sends for the daily rule on this day."""
    return {
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "time": day.slot.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resources": [vault.names.rule_arn("daily")],
        "detail": {},
    }


def poison(scene: Scene) -> None:
    """Send what is no job: it must end as a dead letter that an alarm would count, and come back when replayed."""
    vault, trial = scene.vault, scene.journal.trial
    vault.aws.client("sqs", vault.region).send_message(QueueUrl=vault.queue_url, MessageBody=POISON)
    arrived = _dead_letter_arrives(scene)
    trial(
        "A message that is no job",
        expected="it becomes a dead letter, and stops no other",
        observed="it is in the dead-letter queue" if arrived else "it did not arrive in the dead-letter queue",
        passed=arrived,
    )
    ring(scene)
    clients = EmbeddedClients(vault.aws)
    moved = replay(
        f"{vault.settings.platform}-{vault.settings.environment}",
        clock=scene.clock,
        clients=clients,
        region=vault.region,
    ).moved
    returned = _dead_letter_arrives(scene)
    trial(
        "Dead letters replayed",
        expected="the message goes back to the backup queue and, still no job, ends as a dead letter again",
        observed=f"{moved} moved; it {'came back' if returned else 'did not come back'}",
        passed=moved == 1 and returned,
    )
    vault.aws.client("sqs", vault.region).purge_queue(QueueUrl=vault.dead_letter_url)


def _dead_letter_arrives(scene: Scene) -> bool:
    vault = scene.vault
    return scene.clock.until(lambda: vault.waiting(vault.dead_letter_url)[0] == 1, DEAD_LETTER_SECONDS)


def ring(scene: Scene) -> None:
    """Publish the dead-letter queue's length as SQS does every minute: its alarm must ring and reach the topic."""
    vault = scene.vault
    name = vault.dead_letter_url.rpartition("/")[2]
    queued = vault.waiting(vault.dead_letter_url)[0]
    with listener(vault) as heard:
        vault.aws.client("cloudwatch", vault.region).put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "ApproximateNumberOfMessagesVisible",
                    "Dimensions": [{"Name": "QueueName", "Value": name}],
                    "Value": queued,
                }
            ],
        )
        notice = next((text for text in heard() if "ALARM" in text and name in text), "")
    scene.journal.trial(
        "Dead letters ring an alarm",
        expected="with one dead letter the alarm goes off and its notice is delivered by the topic",
        observed=json.loads(notice)["Subject"] if notice else f"no notice of {queued} dead letters was delivered",
        passed=bool(notice),
    )


@contextmanager
def listener(vault: Vault) -> Iterator[Callable[[], list[str]]]:
    """Subscribe a queue of our own to the vault's topic for the block; calling it returns what was delivered."""
    sqs, sns = (vault.aws.client(service, vault.region) for service in ("sqs", "sns"))
    topic = vault.worker[var.NOTIFICATION_TOPIC_ARN]
    url = sqs.create_queue(QueueName=LISTENER)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    letter = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [letter]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)

    def heard() -> list[str]:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        return [message["Body"] for message in found.get("Messages", [])]

    try:
        yield heard
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=url)


def restore_one(scene: Scene, user: str, expected: Files) -> None:
    """Have the vault's own restore function bring one user's files back, and compare every one."""
    vault, prefix = scene.vault, f"rehearsal/{user}/"
    try:
        vault.invoke("restore", {"user": user, "target_prefix": prefix})
        found = digests_below(vault.aws.client("s3", vault.region), vault.names.restore_bucket, prefix)
        wrong = differences(expected, found)
        observed = f"{len(found)} files came back, {len(wrong)} differ" + (f", first {wrong[0]}" if wrong else "")
        passed = not wrong
    except HoldfastError as error:
        observed, passed = str(error), False
    scene.journal.trial(
        f"{user} restored by the vault's restore function",
        expected=f"{len(expected)} files in the restore bucket, each as acknowledged",
        observed=observed,
        passed=passed,
    )


def digests_below(s3: Any, bucket: str, prefix: str) -> dict[str, tuple[str, int]]:
    """Return SHA-256 and size of every object below a prefix, by the rest of its key; folders' markers left out."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Contents", []):
            name = one["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):
                body = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
                found[name] = (hashlib.sha256(body).hexdigest(), len(body))
    return found


def differences(expected: Files, found: Mapping[str, tuple[str, int]]) -> list[str]:
    """Return the paths that are missing, different or unexpected."""
    wanted = {path: (version.sha256, version.size) for path, version in expected.items()}
    return sorted(path for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))
