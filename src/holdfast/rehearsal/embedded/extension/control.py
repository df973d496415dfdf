"""The ASGI layer in front of MiniStack: lost regions, injected errors, request counts, and the parent's commands."""

from __future__ import annotations

import hmac
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qs

from ministack import app as ministack_app
from ministack.core.responses import set_request_region

from holdfast.rehearsal.embedded.extension import census, functions, migration, replication, scaling, schedules, types
from holdfast.rehearsal.embedded.extension.operations import Operation, error_answer, operation_of

COMMAND_PREFIX = "/_holdfast/"
TOKEN_HEADER = b"x-holdfast-token"
CONNECTION_RESET, ANSWER_LOST = "ConnectionReset", "AnswerLost"  # faults that are no answer at all

RECORDED = {
    "application-autoscaling": scaling.SERVICE,
    "dms": migration.SERVICE,
}  # services of which MiniStack has nothing

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class PlacedFault:
    """A fault as the parent placed it, and how often it has answered."""

    service: str
    error: str
    operation: str | None
    region: str | None
    times: int
    skip: int
    fired: int = 0

    def claims(self, asked: Operation) -> bool:
        """Tell whether this request gets the fault; count it."""
        if self.fired >= self.times or asked.service != self.service:
            return False
        if self.operation not in (None, asked.name) or self.region not in (None, asked.region):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.fired += 1
        return True


class ControlledApp:
    """MiniStack's app, of which the parent can lose regions and in which it can place faults."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]], token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._lost: set[str] = set()
        self._faults: dict[str, PlacedFault] = {}
        self._requests: Counter[str] = Counter()
        self._on_start: Callable[[], None] = lambda: None

    def when_started(self, tell: Callable[[], None]) -> None:
        """Call `tell` once the app answers."""
        self._on_start = tell

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._telling(send))
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith(COMMAND_PREFIX):
            await self._obey(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    def _telling(self, send: Send) -> Send:
        async def told(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._on_start()

        return told

    async def _serve(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        asked = operation_of(scope["method"], scope["path"], scope["query_string"], headers)
        # Read first, whatever is answered: an answer to a request that waits with its body (Expect: 100-continue)
        # would leave a connection on which the server takes the next request for that body.
        body = await _read(receive)
        receive = _replay(body)
        if asked.needs_body:
            asked = asked.named(parse_qs(body.decode(errors="replace")).get("Action", [""])[0])
        self._requests[f"{asked.service}.{asked.name}"] += 1
        if asked.region in self._lost:
            await _answer(send, 503, error_answer(asked, "ServiceUnavailable", f"{asked.region} is lost"))
            return
        if ministack_app.AUTH and not asked.service and not scope["path"].startswith("/_"):
            # MiniStack takes an unsigned request for the account's root; AWS takes it for nobody.
            await _answer(send, 403, error_answer(replace(asked, service="s3"), "AccessDenied", "Access Denied"))
            return
        fault = next((fault for fault in self._faults.values() if fault.claims(asked)), None)
        if fault is None and asked.service in RECORDED:
            set_request_region(asked.region)
            status, told = RECORDED[asked.service].answer(asked.name, asked.region, body)
            await _answer(send, status, (b"application/x-amz-json-1.1", told))
        elif fault is None:
            await self._app(scope, receive, send)
        elif fault.error == ANSWER_LOST:
            await self._app(scope, receive, _swallow)
            await _break_off(send)
        elif fault.error == CONNECTION_RESET:
            await _break_off(send)
        else:
            status, answer = error_status(fault.error), error_answer(asked, fault.error, "injected by the rehearsal")
            await _answer(send, status, answer)

    async def _obey(self, scope: Any, receive: Receive, send: Send) -> None:
        if not hmac.compare_digest(dict(scope["headers"]).get(TOKEN_HEADER, b""), self._token):
            await _answer(send, 403, (b"text/plain", b"wrong token"))
            return
        verb = scope["path"].removeprefix(COMMAND_PREFIX)
        arguments = json.loads(await _read(receive) or b"{}")
        result = getattr(self, f"do_{verb}")(**arguments)
        await _answer(send, 200, (b"application/json", json.dumps(result).encode()))

    def do_inject(self, handle: str, **fault: Any) -> None:
        """Place a fault under a handle of the parent's choice."""
        self._faults[handle] = PlacedFault(**fault)

    def do_fired(self, handle: str) -> int:
        """Return how often a fault has answered."""
        return self._faults[handle].fired

    def do_withdraw(self, handle: str) -> int:
        """Remove a fault; return how often it has answered."""
        return self._faults.pop(handle).fired

    def do_replication(self, lag_seconds: float | None = None, paused: bool | None = None) -> dict[str, Any]:
        """Change what is given; return the state."""
        queue = replication.replication()
        queue.lag_seconds = queue.lag_seconds if lag_seconds is None else lag_seconds
        queue.paused = queue.paused if paused is None else paused
        return queue.state()

    def do_lose(self, region: str) -> int:
        """Lose a region: no answers, no functions, no copies; return how many functions died."""
        self._lost.add(region)
        schedules.stop_polling(region)
        replication.replication().lose(region)
        return self.do_kill(region)

    def do_restore(self, region: str) -> None:
        """Answer in the region again."""
        self._lost.discard(region)
        replication.replication().lost.discard(region)
        schedules.resume_polling(region)

    def do_kill(self, region: str, function: str | None = None) -> int:
        """End the processes of one function, or of all in a region."""
        middle, end = f":{region}:", f":{function}" if function else ""
        return functions.pool().kill(lambda key: middle in key and key.endswith(end))

    def do_fire(self, rule: str, region: str, account: str, at: float | None) -> int:
        """Invoke a rule's targets as its schedule would."""
        return schedules.fire(rule, region, account, at)

    def do_attributes(self, stack: str, region: str, account: str) -> dict[str, dict[str, Any]]:
        """Return what Fn::GetAtt yields for every resource of a stack."""
        return types.attributes(stack, region, account)

    def do_census(self) -> dict[str, list[str]]:
        """Return what every service holds."""
        return census.census()

    def do_requests(self) -> dict[str, int]:
        """Count requests by service and operation."""
        return dict(self._requests)

    def do_stop(self) -> int:
        """End this process as SIGTERM does, once this is answered; return its id."""
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        return os.getpid()

    def do_process_ids(self) -> list[int]:
        """List the function processes that live now."""
        return functions.pool().process_ids()

    def do_runtimes(self) -> list[dict[str, str]]:
        """List each function with the runtime it wants and the interpreter it gets."""
        return [asdict(runtime) for runtime in functions.runtimes()]

    def do_types(self) -> list[str]:
        """List the resource types that can be created."""
        return types.creatable()


def error_status(code: str) -> int:
    """Return the HTTP status AWS gives an error code."""
    return {"SlowDown": 503, "ServiceUnavailable": 503, "InternalError": 500, "InternalServerError": 500}.get(code, 400)


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _swallow(_message: Message) -> None:
    """Take an answer that nobody is to get."""


async def _break_off(send: Send) -> None:
    """Begin an answer and never end it, so that the server has to drop the connection."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"<", "more_body": True})


async def _answer(send: Send, status: int, content: tuple[bytes, bytes]) -> None:
    kind, body = content
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
