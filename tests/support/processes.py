"""Looking after processes that a test has started."""

from __future__ import annotations

import time
from pathlib import Path


def wait_until_gone(*pids: int) -> None:
    """Return once none of them runs; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False
