"""An embedded AWS that lives between commands: started by a deployment, stopped when its last stack is destroyed.

One a folder. The file `embedded.json` in it says where it listens and how to speak to it; only its owner may read it.
Order of writes and what a crash leaves: `docs/design/embedded-aws.md`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.errors import Conflict, StoreUnavailable
from holdfast.rehearsal.embedded.adapter import STOP_SECONDS, MiniStack
from holdfast.rehearsal.ports import EmbeddedAws

RECORD = "embedded.json"
LOCK = "lock"
RUNS = "run"


def started(folder: Path) -> EmbeddedAws:
    """Return the AWS of this folder; start it if none answers.

    Raises:
        Conflict: another command starts or stops it. StoreUnavailable: it does not come up.
    """
    with _locked(folder):
        running = found(folder)
        if running is not None:
            return running
        shutil.rmtree(folder / RUNS)  # of one that was killed
        (folder / RUNS).mkdir(mode=0o700)
        aws = MiniStack(strict=False, parent=folder / RUNS, interpreters={})
        aws.start()
        try:
            _write(folder / RECORD, aws.record())
            aws.release()
        except BaseException:
            aws.stop()
            raise
        return aws


def found(folder: Path) -> MiniStack | None:
    """Return the AWS of this folder if it answers; a record of one that does not is removed."""
    try:
        aws = MiniStack.from_record(json.loads((folder / RECORD).read_bytes()))
        aws.command("requests")
    except FileNotFoundError:
        return None
    except (StoreUnavailable, ValueError, KeyError):
        (folder / RECORD).unlink(missing_ok=True)
        return None
    return aws


def stop(folder: Path, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """End the AWS of this folder with all it holds; tell whether there was one.

    Raises:
        Conflict: another command starts or stops it. StoreUnavailable: it does not end.
    """
    with _locked(folder):
        aws = found(folder)
        if aws is None:
            return False
        pid = int(aws.command("stop"))
        for _ in range(int(STOP_SECONDS / 0.05)):
            if not any((folder / RUNS).iterdir()):  # the last thing it does
                (folder / RECORD).unlink(missing_ok=True)
                return True
            sleep(0.05)
    raise StoreUnavailable(f"the embedded AWS, process {pid}, does not end; end it by hand")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    (folder / RUNS).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another command starts or stops the embedded AWS in {folder}; try again") from error
        yield


def _write(path: Path, record: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(record, file)
    partial.replace(path)
