"""The embedded AWS comes up on loopback alone, and leaves no process and no file, however its parent ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from holdfast.errors import StoreUnavailable
from holdfast.rehearsal.deploy import deploy
from holdfast.rehearsal.embedded import embedded_aws
from tests.support.emulator import ANYTHING, HOME, code, function, invoke, role, stack
from tests.support.patience import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.emulator

# A process that starts an embedded AWS with a busy function, says where, and sleeps.
PARENT = """
    import sys, threading, time
    from pathlib import Path
    from holdfast.rehearsal.deploy import deploy
    from holdfast.rehearsal.embedded import embedded_aws
    from tests.support.emulator import ANYTHING, code, function, role, stack
    folder = Path(sys.argv[1])
    asset = code(folder, "sleeper", "import time\\ndef handler(event, context):\\n    time.sleep(60)\\n")
    with embedded_aws(folder=folder) as aws:
        deploy(aws, [stack("s", {"Role": role(ANYTHING), "F": function("sleeper", asset, Timeout=90)}, asset)])
        aws.client("lambda", "us-east-1").invoke(FunctionName="sleeper", InvocationType="Event", Payload=b"{}")
        while len(aws.process_ids()) < 2:
            time.sleep(0.05)
        print(*aws.process_ids(), flush=True)
        time.sleep(60)
"""


def alive(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def listening_addresses(process_id: int) -> set[str]:
    """Local addresses, as the kernel writes them, that a process listens at."""
    links = (str(link.readlink()) for link in Path(f"/proc/{process_id}/fd").iterdir())
    inodes = {link[8:-1] for link in links if link.startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and (fields[3] == "0A" or table.startswith("udp")):
                found.add(fields[1].partition(":")[0])
    return found


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with embedded_aws(folder=tmp_path) as aws:
        assert aws.client("s3", HOME).list_buckets()["Buckets"] == []
        assert listening_addresses(aws.process_ids()[0]) == {"0100007F"}


def test_two_run_side_by_side_and_share_nothing(tmp_path: Path) -> None:
    with embedded_aws(folder=tmp_path) as one, embedded_aws(folder=tmp_path) as other:
        one.client("s3", HOME).create_bucket(Bucket="only-in-one")
        assert other.client("s3", HOME).list_buckets()["Buckets"] == []


def test_stop_leaves_no_process_and_no_file_and_may_be_repeated(tmp_path: Path) -> None:
    bundles, runs = tmp_path / "bundles", tmp_path / "runs"
    bundles.mkdir()
    runs.mkdir()
    asset = code(bundles, "f", "def handler(event, context):\n    return 1\n")
    aws = embedded_aws(folder=runs).start()
    deploy(aws, [stack("s", {"Role": role(ANYTHING), "F": function("f", asset)}, asset)])
    assert invoke(aws, "f") == 1
    processes = aws.process_ids()
    assert len(processes) == 2

    aws.stop()
    aws.stop()

    assert not any(alive(process) for process in processes)
    assert list(runs.iterdir()) == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda ending: ending.name)
def test_nothing_is_left_when_the_parent_ends_without_stopping_it(tmp_path: Path, ending: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        processes = [int(one) for one in parent.stdout.readline().split()]
    assert len(processes) == 2

    parent.send_signal(ending)
    parent.wait(PATIENCE_SECONDS)

    eventually(lambda: not any(alive(process) for process in processes))
    eventually(lambda: not list(tmp_path.glob("holdfast-aws-*")))


def test_functions_end_soon_after_the_emulator_itself_is_killed(tmp_path: Path) -> None:
    asset = code(tmp_path, "f", "def handler(event, context):\n    return 1\n")
    with embedded_aws(folder=tmp_path) as aws:
        deploy(aws, [stack("s", {"Role": role(ANYTHING), "F": function("f", asset)}, asset)])
        invoke(aws, "f")
        emulator, worker = aws.process_ids()

        os.kill(emulator, signal.SIGKILL)

        eventually(lambda: not alive(worker))
        with pytest.raises(StoreUnavailable, match="its process is gone"):
            aws.requests()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.rehearsal.embedded.adapter.SERVER", "holdfast.no_such_module")
    with pytest.raises(StoreUnavailable, match="No module named"):
        embedded_aws(folder=tmp_path).start()
    assert list(tmp_path.iterdir()) == []


def test_functions_run_when_the_folder_is_named_from_where_we_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path)
    with embedded_aws(folder=Path("work")) as aws:
        asset = code(tmp_path, "here", "def handler(event, context):\n    return 'here'\n")
        deploy(aws, [stack("s", {"Role": role(ANYTHING), "F": function("here", asset, Timeout=5)}, asset)])
        answer = aws.client("lambda", "us-east-1").invoke(FunctionName="here", Payload=b"{}")
        assert answer["Payload"].read() == b'"here"'
