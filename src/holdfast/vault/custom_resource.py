"""A custom resource's side of CloudFormation's protocol: always answer, so that no stack hangs.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.vault.log import log

ATTEMPTS = 4
TIMEOUT_SECONDS = 15
MOST_REASON = 1000

Work = Callable[[Mapping[str, Any]], Mapping[str, str]]


def answer(
    event: Mapping[str, Any],
    physical_id: str,
    work: Work,
    *,
    remove: Work | None = None,
    send: Callable[[str, bytes], None] | None = None,
) -> None:
    """Do `work` with the resource's properties and send its data; a deletion does `remove`, or nothing, and succeeds.

    Every failure is an answer. Only one that cannot be sent is raised: CloudFormation then waits for its own time-out.
    """
    reply: dict[str, Any] = {
        "Status": "SUCCESS",
        "PhysicalResourceId": physical_id,
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    wanted = remove if event["RequestType"] == "Delete" else work
    if wanted:
        try:
            reply["Data"] = dict(wanted(event["ResourceProperties"]))
        except HoldfastError as error:
            reply |= {"Status": "FAILED", "Reason": str(error)[:MOST_REASON]}
        except Exception as error:  # noqa: BLE001 - an entry point: an answer is owed whatever happens
            reply |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:MOST_REASON]}
    log("custom resource", request=event["RequestType"], status=reply["Status"], reason=reply.get("Reason"))
    (send or put)(event["ResponseURL"], json.dumps(reply).encode())


def put(url: str, body: bytes, sleep: Callable[[float], None] = time.sleep) -> None:
    """Put the answer to the pre-signed URL, again if the network fails."""
    # The URL was signed without a content type, so that none may be sent.
    request = urllib.request.Request(url, data=body, method="PUT", headers={"Content-Type": ""})  # noqa: S310
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
                response.read()
                return
        except OSError as error:
            if attempt + 1 == ATTEMPTS:
                raise
            log("answer not sent", error=str(error))
            sleep(2**attempt)
