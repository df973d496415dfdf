from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.backup.repository import Repository
from tests.support.local_backup import catalogue_of, create, opened


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    """An empty repository in a folder, as several processes can open it."""
    folder = tmp_path / "repository"
    create(folder)
    with catalogue_of(folder) as catalogue:
        yield opened(folder, catalogue)
