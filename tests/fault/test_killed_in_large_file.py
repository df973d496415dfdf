"""Backups of one large file by several workers, killed with SIGKILL at random moments, really."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from tests.support.killing_large import kill_in_large_files

KILLS = 12


def test_a_large_file_that_is_killed_again_and_again_is_gone_on_with_and_whole(tmp_path: Path) -> None:
    outcome = kill_in_large_files(tmp_path, KILLS, Random(os.urandom(8)))
    assert outcome.wrong == []
    assert sum(outcome.kills.values()) >= KILLS
    assert outcome.snapshots >= 1
