"""What a verb of the engine does not load: each of these costs a run milliseconds that it has no use for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import Run

NEVER = {
    "asyncio",
    "aws_cdk",
    "boto3",
    "botocore",
    "email",
    "hashlib",
    "http",
    "multiprocessing",
    "pydantic",
    "secrets",
    "subprocess",
    "tempfile",
    "yaml",
}
WORKERS = {"ctypes", "pickle", "socket", "holdfast.backup.workers"}
VERBS = {
    "backup source": NEVER | WORKERS | {"logging", "pyfastcdc", "random", "shutil", "typing_extensions"},
    "restore latest --target t": NEVER | {"logging", "holdfast.backup.rebuild"},
    "verify": NEVER,
    "forget --keep-last 1 --apply --prune": NEVER,
    "snapshots": NEVER | WORKERS | {"logging", "zstandard", "random"},
}
LOADED = "import sys; from holdfast.cli.main import run; print(run(sys.argv[1:]), *sys.modules)"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leaves_out_what_it_has_no_use_for(holdfast: Run, tmp_path: Path, verb: str) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.txt").write_text("hello")
    arguments = ["--repo", "repo", "--key-file", "key"]
    holdfast("repo", "create", "repo", "--key-file", "key")
    assert holdfast("backup", "source", *arguments).status == 0
    command = [sys.executable, "-c", LOADED, *verb.split(), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    status, *modules = done.stdout.splitlines()[-1].split()
    assert (status, VERBS[verb] & set(modules)) == ("0", set())
