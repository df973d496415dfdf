"""What a function's process runs: standard library only, started by path, so that nothing of ours is importable.

The handler sees what it would see in AWS: its own bundle first on the path, the runtime's SDK behind it, the
standard library, and nothing else. One JSON line in is one invocation, one JSON line out its answer; whatever the
handler prints goes to standard error, which is its log.
"""

import importlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any, TextIO

PARENT_POLL_SECONDS = 1.0


class Context:
    """The second argument of a handler."""

    client_context = None
    identity = None

    def __init__(self, invocation: Mapping[str, Any]) -> None:
        self.aws_request_id = invocation["request_id"]
        self.invoked_function_arn = invocation["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.monotonic() + invocation["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left before the function is killed."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main() -> None:
    """Import the handler, then answer invocations until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    start = json.loads(sys.stdin.readline())
    sys.path[:0] = [start["task_root"], start["sdk"]]
    try:
        module, _, name = start["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    except BaseException as error:
        answer(answers, {"error": described(error)})
        raise
    answer(answers, {"ready": True})
    for line in sys.stdin:
        invocation = json.loads(line)
        try:
            result: dict[str, Any] = {"result": json.dumps(handler(invocation["event"], Context(invocation)))}
        except Exception as error:  # noqa: BLE001 - a handler may raise anything, and Lambda reports it
            traceback.print_exc()
            result = {"error": {**described(error), "requestId": invocation["request_id"]}}
        answer(answers, result)


def answer(answers: TextIO, message: Mapping[str, Any]) -> None:
    """Send one line, after everything the handler has printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def described(error: BaseException) -> dict[str, Any]:
    """Return an exception as Lambda reports it."""
    trace = traceback.format_tb(error.__traceback__)[1:]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def end_with_parent(parent: int) -> None:
    """Die soon after the emulator has died, even in the middle of a handler."""
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
