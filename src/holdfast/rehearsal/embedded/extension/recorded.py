"""Services of which MiniStack has nothing: their records are kept here, told back, and nothing acts on them.

One table of operations a service, in the service's own JSON protocol, so that `boto3` and the read-back speak to them
as to any other. State is per region and ends with the process.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
Store = dict[str, dict[str, Any]]  # kind to key to record
Answer = dict[str, Any]


class Refused(Exception):
    """An operation the service refuses; the code is the service's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RecordedService:
    """Answers the operations of one service from memory."""

    def __init__(self, operations: dict[str, Callable[[Store, Request], Answer]]) -> None:
        self._operations = operations
        self._stores: dict[str, Store] = defaultdict(lambda: defaultdict(dict))

    def answer(self, operation: str, region: str, body: bytes) -> tuple[int, bytes]:
        """Return status and JSON body of one request."""
        handle = self._operations.get(operation)
        try:
            if handle is None:
                raise Refused("UnknownOperationException", f"{operation} is not recorded here")
            return 200, json.dumps(handle(self._stores[region], json.loads(body or b"{}")), default=str).encode()
        except Refused as refused:
            return 400, json.dumps({"__type": refused.code, "message": str(refused)}).encode()


def put(kind: str, key: Callable[[Request], str], told: Callable[[Request], Answer]) -> Callable[[Store, Request], Any]:
    """Return an operation that keeps the request under its key, over an earlier one's fields."""

    def handle(store: Store, request: Request) -> Answer:
        record = store[kind].setdefault(key(request), {})
        record.update(request)
        return told(record)

    return handle


def delete(kind: str, key: Callable[[Request], str], missing: str) -> Callable[[Store, Request], Answer]:
    """Return an operation that forgets a record; `missing` is the service's code for one that is not there."""

    def handle(store: Store, request: Request) -> Answer:
        if store[kind].pop(key(request), None) is None:
            raise Refused(missing, f"no {kind} {key(request)}")
        return {}

    return handle


def describe(kind: str, listed: str, matches: Callable[[Request, dict[str, Any]], bool]) -> Callable[..., Answer]:
    """Return an operation that lists the records that match."""

    def handle(store: Store, request: Request) -> Answer:
        return {listed: [record for record in store[kind].values() if matches(request, record)]}

    return handle
