"""Real processes on a local repository, killed with SIGKILL at random moments."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from tests.support.killing import kill_many

ROUNDS = 15


def test_killed_processes_lose_no_acknowledged_snapshot(tmp_path: Path) -> None:
    outcome = kill_many(tmp_path, ROUNDS, Random(os.urandom(8)))
    assert outcome.wrong == []
    assert sum(outcome.kills.values()) == 3 * ROUNDS
    assert len(outcome.acknowledged) > ROUNDS / 2
    assert outcome.restored > 0
