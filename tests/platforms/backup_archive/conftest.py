from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Template

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


# Said again although the folder above has them: what a whole session shares is kept once, with that folder's stacks.
@pytest.fixture(scope="session")
def primary(stacks: Stacks) -> Template:
    """The first region."""
    return stacks.primary


@pytest.fixture(scope="session")
def replica(stacks: Stacks) -> Template:
    """The second region."""
    return stacks.replica
