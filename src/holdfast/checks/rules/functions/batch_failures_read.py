"""FUN017."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Text, Undecided

# A call that takes many entries and succeeds though some of them failed, to the field that names those.
# Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html and the pages
# of the other actions in their services' API references.
_FAILURES = {
    "SendMessageBatch": ("Failed",),
    "DeleteMessageBatch": ("Failed",),
    "PublishBatch": ("Failed",),
    "PutEvents": ("FailedEntryCount", "ErrorCode"),
    "PutRecords": ("FailedRecordCount", "ErrorCode"),
    "PutRecordBatch": ("FailedPutCount", "ErrorCode"),
    "BatchWriteItem": ("UnprocessedItems",),
    "BatchGetItem": ("UnprocessedKeys",),
    "DeleteObjects": ("Errors",),
}
_CALL = re.compile(r"\.([a-z][A-Za-z_]+)\s*\(|\bnew\s+([A-Z]\w+)Command\b")


class BatchFailuresRead(ResourceRule):
    """Code that sends entries in batches looks at those that failed.

    The call succeeds though single entries did not: who counts only what was handed over reports what never arrived.
    """

    id = "FUN017"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Send again what the answer names as failed, and raise when it fails again."
    source = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look in inline code for the calls, and for any use of the field."""
        written = resource.get("Code.ZipFile")
        if isinstance(written, Undecided):
            yield self.undecided(resource, "Code.ZipFile", written)
        code = str(written) if isinstance(written, str | Text) else ""
        called = {_action(first or second) for first, second in _CALL.findall(code)}
        for action, fields in _FAILURES.items():
            if action in called and not any(re.search(rf"\b{field}\b", code) for field in fields):
                message = f"the code calls {action} and never reads {fields[0]}: entries that fail are lost in silence"
                yield self.violated(resource, "Code.ZipFile", message)


def _action(name: str) -> str:
    """Return `SendMessageBatch` for `send_message_batch`, `sendMessageBatch` and itself."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
