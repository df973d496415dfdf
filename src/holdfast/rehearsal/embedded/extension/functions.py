"""Functions run as AWS runs them, as far as one machine can: real processes from the deployed bundle.

Replaces MiniStack's executor for Python. Its own lets a function import whatever the emulator's interpreter has, so a
module missing from the bundle is not missed; unpacks the bundle once a process; restarts the process after every
exception; and waits up to 50 ms for log lines after every call. Here a process sees its bundle, the SDK and the
standard library; warm processes are kept, also after an exception; one invocation at a time each, as in AWS.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from holdfast.rehearsal.ports import FunctionRuntime

RUNTIME = Path(__file__).with_name("runtime.py")
SDK_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")  # in every Python runtime
INIT_SECONDS = 30.0  # AWS gives 10 s on its own machines; a loaded laptop unpacks and compiles as well

_numbers = itertools.count(1)


class FunctionDied(Exception):
    """The process ended, or ran out of time, before it answered."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FunctionProcess:
    """One execution environment of one function."""

    def __init__(self, folder: Path, config: dict[str, Any], task_root: Path) -> None:
        self.config = config
        name = f"{config['FunctionName']}-{next(_numbers)}"
        self._scratch = folder / "scratch" / name
        self._scratch.mkdir(parents=True)
        log = folder / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        self._log = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._log_read = 0
        self.process = subprocess.Popen(
            [_interpreter(config), "-I", "-S", str(RUNTIME)],
            cwd=task_root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(config, task_root, self._scratch),
        )
        self._unread = b""
        self._start = {"task_root": str(task_root), "sdk": str(folder / "sdk"), "handler": config["Handler"]}
        self._ready = False

    def initialise(self) -> None:
        """Import the handler, once. Raises FunctionDied."""
        if self._ready:
            return
        answer = self._ask(self._start, INIT_SECONDS)
        if "error" in answer:
            raise FunctionDied(answer["error"]["errorType"], answer["error"]["errorMessage"])
        self._ready = True

    def invoke(self, event: Any, request_id: str, arn: str) -> dict[str, Any]:
        """Run the handler once; {"result": JSON text} or {"error": {...}}. Raises FunctionDied."""
        seconds = float(self.config.get("Timeout", 3))
        return self._ask({"event": event, "request_id": request_id, "arn": arn, "timeout_seconds": seconds}, seconds)

    def log(self) -> str:
        """Return what the process has printed since the last call."""
        size = os.fstat(self._log).st_size
        printed = os.pread(self._log, size - self._log_read, self._log_read)
        self._log_read = size
        return printed.decode(errors="replace")

    def end(self) -> None:
        """Kill the process, wait for it, and remove what it wrote."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        os.close(self._log)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._exited() from None
        answer: dict[str, Any] = json.loads(self._line(time.monotonic() + seconds, seconds))
        return answer

    def _line(self, deadline: float, seconds: float) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise FunctionDied("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
            part = os.read(descriptor, 1 << 20)
            if not part:
                raise self._exited()
            parts.append(part)
        line, _, self._unread = b"".join(parts).partition(b"\n")
        return line

    def _exited(self) -> FunctionDied:
        status = self.process.wait()
        how = f"signal: {-status}" if status < 0 else f"exit status {status}"
        return FunctionDied("Runtime.ExitError", f"Runtime exited with error: {how}")


class FunctionPool:
    """The execution environments of every function: idle ones wait to be used again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._idle: dict[str, list[FunctionProcess]] = {}
        self._busy: dict[str, list[FunctionProcess]] = {}
        self._bundles: dict[str, Path] = {}
        self._stopped = False

    def run(self, function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        """Run one invocation in an idle process or a new one; the answer in MiniStack's terms."""
        config = function.get("config") or function
        key = config["FunctionArn"].partition(":function:")[0] + ":" + config["FunctionName"]
        process = None
        try:
            process = self._take(key, config, function["code_zip"])
            process.initialise()
            answer = process.invoke(event, request_id, config["FunctionArn"])
        except FunctionDied as death:
            log = process.log() if process else ""
            self._drop(key, process)
            return _failed({"errorMessage": f"RequestId: {request_id} Error: {death}", "errorType": death.kind}, log)
        log = process.log()
        self._give_back(key, process)
        if "error" in answer:
            return _failed(answer["error"], log)
        return {"body": json.loads(answer["result"]), "log": log}

    def kill(self, matches: Any) -> int:
        """Kill every process, busy or idle, of the functions whose key satisfies `matches`; return how many."""
        with self._lock:
            idle = [process for key in list(self._idle) if matches(key) for process in self._idle.pop(key)]
            busy = [process for key in self._busy if matches(key) for process in self._busy[key]]
        for process in idle:
            process.end()
        for process in busy:
            process.process.kill()  # whoever waits for it notices, and clears up
        return len(idle) + len(busy)

    def retire(self, matches: Any) -> None:
        """Let no process of these functions serve again: their code or settings have changed."""
        with self._lock:
            idle = [process for key in list(self._idle) if matches(key) for process in self._idle.pop(key)]
            for key, busy in self._busy.items():
                if matches(key):
                    for process in busy:
                        process.config = {**process.config, "retired": True}
        for process in idle:
            process.end()

    def stop(self) -> None:
        """Kill everything and start nothing more."""
        self._stopped = True
        self.kill(lambda _: True)

    def process_ids(self) -> list[int]:
        """List the processes that live now."""
        with self._lock:
            everyone = [*self._idle.values(), *self._busy.values()]
            return [process.process.pid for processes in everyone for process in processes]

    def _take(self, key: str, config: dict[str, Any], code: bytes) -> FunctionProcess:
        with self._lock:
            process = self._idle[key].pop() if self._idle.get(key) else None
            if process:
                self._busy.setdefault(key, []).append(process)
        if process and process.process.poll() is None:
            return process
        if process:
            self._drop(key, process)
        if self._stopped:
            raise FunctionDied("Runtime.ExitError", "the embedded AWS is stopping")
        process = FunctionProcess(self._folder, config, self._unpack(code))
        with self._lock:
            self._busy.setdefault(key, []).append(process)
        return process

    def _give_back(self, key: str, process: FunctionProcess) -> None:
        if process.config.get("retired") or self._stopped:
            self._drop(key, process)
            return
        with self._lock:
            self._busy[key].remove(process)
            self._idle.setdefault(key, []).append(process)

    def _drop(self, key: str, process: FunctionProcess | None) -> None:
        if process is None:
            return
        with self._lock:
            if process in self._busy.get(key, []):
                self._busy[key].remove(process)
        process.end()

    def _unpack(self, code: bytes) -> Path:
        """Unpack a bundle once, whatever the number of processes that run it."""
        digest = hashlib.sha256(code).hexdigest()[:16]
        with self._lock:
            if digest not in self._bundles:
                target = self._folder / "code" / digest
                with zipfile.ZipFile(io.BytesIO(code)) as bundle:
                    bundle.extractall(target)
                self._bundles[digest] = target
            return self._bundles[digest]


_pool: FunctionPool | None = None


def pool() -> FunctionPool:
    """Return the one pool of this process."""
    assert _pool is not None, "install() comes first"
    return _pool


def runtimes() -> list[FunctionRuntime]:
    """List every Python function with the runtime it wants and the interpreter it gets."""
    listed = []
    for (_, region, name), function in list(lambda_svc._functions._data.items()):
        config = function["config"]
        if config["Runtime"].startswith("python"):
            used = _version(_interpreter(config))
            listed.append(FunctionRuntime(function=name, region=region, wanted=config["Runtime"], used=used))
    return listed


def end_all() -> None:
    """Kill every function process."""
    if _pool is not None:
        _pool.stop()
    lambda_runtime.reset()


def install(folder: Path) -> None:
    """Run Python functions in our pool; those of other languages, or with layers, stay with MiniStack's."""
    global _pool
    _pool = FunctionPool(folder)
    _link_sdk(folder / "sdk")
    run_warm, invalidate = lambda_svc._execute_function_warm, lambda_svc.invalidate_worker

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        config = function.get("config") or function
        ours = str(config.get("Runtime", "")).startswith("python") and not config.get("Layers")
        if not ours or not function.get("code_zip"):
            result: dict[str, Any] = run_warm(function, event, request_id)
            return result
        return pool().run(function, event, request_id)

    def invalidated(name: str, *args: Any, **options: Any) -> None:
        pool().retire(lambda key: key.endswith(f":{name}"))
        invalidate(name, *args, **options)

    lambda_svc._execute_function_warm = execute
    lambda_svc.invalidate_worker = invalidated


def _link_sdk(folder: Path) -> None:
    """Give functions the SDK that AWS's runtimes include, and nothing else of our environment."""
    folder.mkdir()
    for name in SDK_PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)


def _interpreter(config: dict[str, Any]) -> str:
    """Return the interpreter for a runtime: the one the operator named, or else our own."""
    chosen: dict[str, str] = json.loads(os.environ.get("HOLDFAST_INTERPRETERS", "{}"))
    return chosen.get(config["Runtime"], sys.executable)


@functools.cache
def _version(interpreter: str) -> str:
    script = "import platform; print('python' + platform.python_version())"
    return subprocess.run(
        [interpreter, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()


def _environment(config: dict[str, Any], task_root: Path, scratch: Path) -> dict[str, str]:
    """Return what the template gives the function, and what Lambda adds; nothing of ours."""
    variables = config.get("Environment", {}).get("Variables", {})
    _, region = lambda_runtime._account_region_from_function_config(config)
    trust = {"AWS_CA_BUNDLE": os.environ["HOLDFAST_CA"], "SSL_CERT_FILE": os.environ["HOLDFAST_CA"]}
    return {
        "AWS_ENDPOINT_URL": os.environ["HOLDFAST_ENDPOINT"],
        **(trust if os.environ["HOLDFAST_CA"] else {}),
        **{name: str(value) for name, value in variables.items()},
        **lambda_runtime.execution_credentials(config),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": config.get("LoggingConfig", {}).get("LogGroup", ""),
        "AWS_LAMBDA_LOG_STREAM_NAME": scratch.name,
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(scratch),
        "TZ": ":UTC",
    }


def _failed(error: dict[str, Any], log: str) -> dict[str, Any]:
    return {"body": error, "error": True, "function_error": "Unhandled", "log": log}
