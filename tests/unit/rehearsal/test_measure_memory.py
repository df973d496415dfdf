from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.rehearsal.measure_memory import MemorySampler, descendants, pss_bytes

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux /proc")
HOLD = "import sys; held = bytes(range(256)) * (100 << 12); print('up', flush=True); sys.stdin.read()"


def test_a_childs_memory_counts_while_it_lives() -> None:
    with MemorySampler(interval_seconds=60) as sampler:
        with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert child.pid in descendants(os.getpid())
            sampler.sample()
        sampler.sample()
    before, during, after = (total for _, total in sampler.samples[:3])
    assert during - before > 100 << 20
    assert after < during - (90 << 20)
    assert sampler.peak_bytes == during


def test_a_process_that_is_gone_holds_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert pss_bytes(child.pid) == 0


def test_without_proc_nothing_is_claimed(tmp_path: Path) -> None:
    assert descendants(7, tmp_path / "absent") == [7]
    assert pss_bytes(os.getpid(), tmp_path / "absent") == 0


def test_process_names_with_parentheses_are_read(tmp_path: Path) -> None:
    for pid, parent in ((1, 0), (5, 1), (6, 5), (9, 1)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) b) S {parent} 0 0")
    assert sorted(descendants(5, tmp_path)) == [5, 6]
