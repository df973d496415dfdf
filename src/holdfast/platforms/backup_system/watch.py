"""What is watched in the first region: failures, silence, and work that does not get done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.platforms.backup_system.figures import SILENCE_HOURS
from holdfast.platforms.backup_system.names import REPLICATION_RULE
from holdfast.platforms.backup_system.promises import drain_bound
from holdfast.platforms.constructs.alarms import Alarms, any_of, level_of, silence_of, waiting_in

if TYPE_CHECKING:
    from holdfast.platforms.backup_system.primary import PrimaryStack

THROTTLED_PERIODS = 3
"""Five-minute periods in a row with a refused request before someone is told: what is shorter, the SDK's retries and
the queue's redelivery ride out."""


def watch(stack: PrimaryStack) -> None:
    """Build every alarm of the primary stack."""
    alarms = Alarms(stack, "Alarms", topic=stack.topic, prefix=stack.names.stem, suffix=stack.names.suffix)
    _watch_functions(alarms, stack)
    _watch_queues(alarms, stack)
    _watch_tables(alarms, stack)
    _watch_absence(alarms, stack)
    _watch_replication(alarms, stack)


def _watch_functions(alarms: Alarms, stack: PrimaryStack) -> None:
    advice = {
        "initiator": "No user was queued, or not all. The log says why; the run is repeated by its next schedule.",
        "worker": "A user's backup failed and is retried up to three times; then it is a dead letter.",
        "restore": "A restore failed. Its log names the user and the snapshot.",
        "verify": "The sample could not be verified, or bytes are not what was written. Run `holdfast verify`.",
        "prune": "Old snapshots were not forgotten or reclaimed. Nothing is lost; storage grows until it works again.",
    }
    for role, text in advice.items():
        dimensions = {"FunctionName": stack.names.function(role)}
        alarms.add(f"{role.capitalize()}Errors", f"{role}-errors", text, any_of("AWS/Lambda", "Errors", dimensions))
    alarms.add(
        "DamagedObjects",
        "damaged-objects",
        "Stored bytes are not what was written. Run `holdfast verify --read-data` on both regions' copies.",
        any_of(stack.names.metric_namespace, "DamagedObjects", {}),
    )
    alarms.add(
        "WorkerThrottles",
        "worker-throttles",
        "Lambda refused to start workers: the account's concurrency is used up. Backups take longer than promised.",
        any_of("AWS/Lambda", "Throttles", {"FunctionName": stack.names.function("worker")}),
    )


def _watch_queues(alarms: Alarms, stack: PrimaryStack) -> None:
    alarms.add(
        "DeadLetters",
        "dead-letters",
        "Users whose backup failed three times wait in the dead-letter queue. Mend the cause, then replay them.",
        waiting_in(stack.dead_letters.queue_name, period_seconds=60),
    )
    alarms.add(
        "LostEvents",
        "lost-events",
        "A scheduled event reached no function. The next schedule repeats it; look at the rule and the function.",
        waiting_in(stack.lost_events.queue_name, period_seconds=60),
    )
    bound = round(drain_bound(stack.settings).total_seconds())
    alarms.add(
        "QueueAge",
        "queue-age",
        f"The oldest user has waited more than {bound} seconds, the bound the RPO is computed with.",
        level_of(
            "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": stack.queue.queue_name}, above=bound, periods=2
        ),
    )


def _watch_tables(alarms: Alarms, stack: PrimaryStack) -> None:
    for role, table in (("Metadata", stack.metadata), ("Deduplication", stack.deduplication)):
        for kind in ("Read", "Write"):
            alarms.add(
                f"{role}{kind}Throttles",
                f"{role.lower()}-{kind.lower()}-throttles",
                f"DynamoDB has refused {kind.lower()}s of the {role.lower()} table for {THROTTLED_PERIODS * 5} "
                "minutes: more than twice its former peak, or the account's quota. Backups retry and take longer.",
                any_of(
                    "AWS/DynamoDB", f"{kind}ThrottleEvents", {"TableName": table.table_name}, periods=THROTTLED_PERIODS
                ),
            )


def _watch_absence(alarms: Alarms, stack: PrimaryStack) -> None:
    alarms.add(
        "FailedBackups",
        "backups-failed",
        "A user's backup ended as FAILED. The worker's log names the user; the previous snapshot is still whole.",
        any_of(stack.names.metric_namespace, "FailedBackups", {}),
    )
    alarms.add(
        "NoCompletedBackup",
        "none-completed",
        f"No backup was completed in {SILENCE_HOURS} hours: nothing failed loudly, and nothing was saved either.",
        silence_of(stack.names.metric_namespace, "CompletedBackups", {}, hours=SILENCE_HOURS),
    )
    alarms.add(
        "InitiatorSilent",
        "initiator-silent",
        f"The initiator was not invoked in {SILENCE_HOURS} hours. Is its schedule enabled?",
        silence_of(
            "AWS/Lambda", "Invocations", {"FunctionName": stack.names.function("initiator")}, hours=SILENCE_HOURS
        ),
    )


def _watch_replication(alarms: Alarms, stack: PrimaryStack) -> None:
    """Watch failures here: unlike lag, S3 publishes them in the source's region, also when the replica is gone.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html
    """
    names = stack.names
    alarms.add(
        "ReplicationFailed",
        "replication-failed",
        "Objects failed to replicate and S3 does not try again. Replicate them with S3 Batch Replication.",
        any_of(
            "AWS/S3",
            "OperationsFailedReplication",
            {
                "SourceBucket": names.primary_bucket,
                "DestinationBucket": names.replica_bucket,
                "RuleId": REPLICATION_RULE,
            },
        ),
    )
