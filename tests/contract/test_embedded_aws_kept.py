"""An embedded AWS that lives between commands: found by another process, started once, stopped with all it held."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.errors import Conflict
from holdfast.rehearsal.embedded import kept
from tests.contract.test_embedded_aws_life import alive
from tests.support.emulator import HOME
from tests.support.patience import eventually

pytestmark = pytest.mark.emulator


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    kept.stop(tmp_path / "state")


def elsewhere(folder: Path, code: str) -> str:
    """What a process of its own prints, after it has ended."""
    script = f"from pathlib import Path\nfrom holdfast.rehearsal.embedded import kept\nat = Path({str(folder)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", script + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_one_process_made_the_next_one_finds(folder: Path) -> None:
    endpoint = elsewhere(
        folder,
        "aws = kept.started(at)\naws.client('sqs', 'us-east-1').create_queue(QueueName='q')\nprint(aws.endpoint)",
    )
    aws = kept.started(folder)
    assert aws.endpoint == endpoint
    assert aws.client("sqs", HOME).get_queue_url(QueueName="q")["QueueUrl"].endswith("/q")


def test_only_its_owner_can_read_how_to_speak_to_it(folder: Path) -> None:
    elsewhere(folder, "kept.started(at)")
    assert stat.S_IMODE((folder / kept.RECORD).stat().st_mode) == 0o600


def test_stopping_leaves_no_process_and_no_file_and_is_safe_to_repeat(folder: Path) -> None:
    elsewhere(folder, "kept.started(at)")
    pid = json.loads((folder / kept.RECORD).read_bytes())["pid"]
    assert kept.stop(folder)
    eventually(lambda: not alive(pid))
    assert [path.name for path in folder.rglob("*") if path.name != kept.LOCK] == [kept.RUNS]
    assert not kept.stop(folder)


def test_one_that_died_is_forgotten_and_another_started(folder: Path) -> None:
    first = elsewhere(folder, "print(kept.started(at).endpoint)")
    os.kill(json.loads((folder / kept.RECORD).read_bytes())["pid"], signal.SIGKILL)
    eventually(lambda: kept.found(folder) is None)
    assert not (folder / kept.RECORD).exists()
    assert kept.started(folder).endpoint != first
    assert len(list((folder / kept.RUNS).iterdir())) == 1


def test_a_command_that_dies_before_it_lets_go_leaves_none(folder: Path) -> None:
    elsewhere(folder, "import os\nkept._write = lambda *_: os._exit(0)\nkept.started(at)")
    eventually(lambda: list((folder / kept.RUNS).iterdir()) == [])
    assert kept.found(folder) is None


def test_two_commands_do_not_start_two(folder: Path) -> None:
    with kept._locked(folder), pytest.raises(Conflict, match="another command"):
        kept.started(folder)
