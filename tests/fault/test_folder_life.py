"""A real folder changed, backed up, damaged, repaired at random; `tests/support/folder_life.py` has the large form."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.support.folder_life import FolderLife


@pytest.mark.parametrize("seed", range(6))
def test_every_snapshot_of_a_folder_that_lives_gives_back_what_was_there(tmp_path: Path, seed: int) -> None:
    FolderLife(tmp_path, Random(seed)).run()
