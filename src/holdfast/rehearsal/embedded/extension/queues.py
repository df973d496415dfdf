"""Messages of a dead-letter queue can be moved back with StartMessageMoveTask, which MiniStack lacks."""

from __future__ import annotations

import time
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.core.responses import new_uuid
from ministack.services import sqs

_tasks: dict[str, list[dict[str, Any]]] = {}


def install() -> None:
    """Add the two actions to the service's own table."""
    sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task
    sqs._HANDLERS["ListMessageMoveTasks"] = list_message_move_tasks


def start_message_move_task(data: dict[str, Any], _url: str) -> dict[str, Any]:
    """Move every message of a dead-letter queue to the destination named, or back to where each came from."""
    source_arn = data["SourceArn"]
    source = sqs._queue_by_arn(source_arn)
    if source is None:
        raise sqs._Err("ResourceNotFoundException", f"The resource {source_arn} does not exist.")
    moved = 0
    with sqs._queues_lock:
        for message in list(source["messages"]):
            target_arn = data.get("DestinationArn") or message.get("sys", {}).get("DeadLetterQueueSourceArn", "")
            target = sqs._queue_by_arn(target_arn)
            if target is None:
                continue
            source["messages"].remove(message)
            now = time.time()
            fresh = {"receive_count": 0, "first_receive_at": None, "receipt_handle": None, "visible_at": now}
            target["messages"].append({**message, **fresh})
            moved += 1
    esm_wake.set()
    task = {
        "TaskHandle": new_uuid(),
        "Status": "COMPLETED",
        "SourceArn": source_arn,
        "ApproximateNumberOfMessagesMoved": moved,
        "StartedTimestamp": int(time.time() * 1000),
    }
    _tasks.setdefault(source_arn, []).insert(0, task)
    return {"TaskHandle": task["TaskHandle"]}


def list_message_move_tasks(data: dict[str, Any], _url: str) -> dict[str, Any]:
    """List the tasks of one source queue, newest first."""
    return {"Results": _tasks.get(data["SourceArn"], [])[: data.get("MaxResults", 1)]}
