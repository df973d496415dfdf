"""How long a test waits for what must happen: it fails when nothing moves, not because the machine is busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 240.0
"""Less than a test may take in all (`timeout` in pyproject.toml), so that what it waited for is told."""


def eventually(condition: Callable[[], T | None], *, pause: float = 0.05) -> T:
    """Wait until `condition` holds and return its value."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:.0f} s"
        time.sleep(pause)
    return value
