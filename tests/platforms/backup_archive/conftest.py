from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.platforms.conftest import Stacks, Synthesis

Archive = Callable[..., Stacks]


@pytest.fixture(scope="session")
def archive(synthesis: Synthesis) -> Archive:
    """Synthesize a variation of the archive's defaults."""

    def run(**changes: Any) -> Stacks:
        return synthesis(platform="backup-archive", **changes)

    return run


@pytest.fixture(scope="session")
def stacks(archive: Archive) -> Stacks:
    """The defaults."""
    return archive()
