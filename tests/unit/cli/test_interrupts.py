"""Ending in order when asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.interrupts import stop_signals
from tests.support.command_line import Run
from tests.support.patience import eventually
from tests.support.repositories import noise

PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
FILES = 4000
"""Of 9 kB: more than two packs, so that the first is there long before the end."""


def test_the_first_signal_asks_and_the_second_ends() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_signals() as is_stopped:
        assert not is_stopped()
        os.kill(os.getpid(), signal.SIGINT)
        assert is_stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupted_backup_goes_on_where_it_was(holdfast: Run, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for number in range(FILES):
        (tmp_path / "source" / f"{number:04}").write_bytes(noise(9_000, number))
    holdfast("repo", "create", "repo")
    command = [sys.executable, "-c", "from holdfast.cli.main import main; main()", "backup", "source", "--repo", "repo"]
    with subprocess.Popen([*command, "--output", "events", "--jobs", "1"], **PIPES) as process:
        eventually(lambda: list((tmp_path / "repo" / "packs").glob("*/*")), pause=0.01)  # until something is stored
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate()
    assert (process.returncode, b"back up again to go on" in messages) == (130, True), messages
    assert holdfast("snapshots", "--repo", "repo", "--output", "json").json == []
    done = holdfast("backup", "source", "--repo", "repo", "--output", "json").json
    assert done["files"] == FILES
    assert done["files_unchanged"] > 100
    assert done["bytes_read"] < FILES * 9_000
    assert holdfast("verify", "--repo", "repo", "--read-data").status == 0


INTERRUPTED_WHILE_LOADED = """
import os, signal, sys
from holdfast.__main__ import main

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
sys.argv = ["holdfast", "platforms"]
main()
"""


@pytest.mark.parametrize(("handler", "status"), [(signal.SIG_DFL, -signal.SIGINT), (signal.SIG_IGN, 0)])
def test_ctrl_c_while_the_command_line_is_loaded_ends_it_without_a_trace(handler: signal.Handlers, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADED],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
    )
    assert (done.returncode, done.stderr) == (status, "")
