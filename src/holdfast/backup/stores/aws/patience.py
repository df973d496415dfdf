"""Waiting between attempts: exponential, with full jitter, so that many workers do not come back together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often to try, and how long to wait in between: up to `base_seconds * 2**n`, at most `most_seconds`.

    Source of full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    attempts: int = 8
    base_seconds: float = 0.05
    most_seconds: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    fraction: Callable[[], float] = random.random

    def pause(self, attempt: int) -> None:
        """Wait after the `attempt`-th failure, counted from 0."""
        self.sleep(self.fraction() * min(self.most_seconds, self.base_seconds * 2**attempt))
