"""What a verb of the engine does not load: each of these costs a run milliseconds that it has no use for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.backup.sources.directory import MANY_FOLDERS
from holdfast.backup.store_apart import APART_FILES
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
    "backup source": NEVER
    | WORKERS
    | {"dataclasses", "difflib", "logging", "pyfastcdc", "random", "shutil", "typing_extensions"},
    "restore latest --target t": NEVER | {"logging", "holdfast.backup.rebuild"},
    "verify": NEVER,
    "forget --keep-last 1 --apply --prune": NEVER,
    "snapshots": NEVER | WORKERS | {"logging", "zstandard", "random"},
}
LOADED = "import sys; from holdfast.cli.main import run; print(run(sys.argv[1:]), *sys.modules)"
LOADED_AT_FORK = f"import os; os.register_at_fork(before=lambda: print(*sys.modules, flush=True)); {LOADED}"
ARGUMENTS = ["--repo", "repo", "--key-file", "key"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_leaves_out_what_it_has_no_use_for(holdfast: Run, tmp_path: Path, verb: str) -> None:
    _back_up(holdfast, tmp_path)
    status, *modules = _said_by(LOADED, verb, tmp_path).splitlines()[-1].split()
    assert (status, VERBS[verb] & set(modules)) == ("0", set())


def test_a_backup_looks_ahead_before_it_loads_what_opens_the_repository(holdfast: Run, tmp_path: Path) -> None:
    _back_up(holdfast, tmp_path)
    first, *_ = _said_by(LOADED_AT_FORK, "backup source --jobs 2", tmp_path).splitlines()
    assert "holdfast.backup.sources.scout" in first.split()
    assert {"cryptography", "sqlite3", "holdfast.backup.repository"} & set(first.split()) == set()


def test_a_slot_is_read_and_a_password_stretched_without_what_opens_a_repository() -> None:
    program = (
        "import sys, holdfast.backup.slot, holdfast.backup.argon2id, holdfast.backup.stores.local; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert {"cryptography", "nacl", "holdfast.backup.sealing"} & set(done.stdout.split()) == set()


def test_what_cuts_is_loaded_once_for_all_workers(holdfast: Run, tmp_path: Path) -> None:
    _back_up(holdfast, tmp_path)
    for number in range(APART_FILES + 1):
        (tmp_path / "source" / str(number)).touch()
    *_, last, _, _ = _said_by(LOADED_AT_FORK, "backup source --jobs 2", tmp_path).splitlines()
    assert {"holdfast.backup.workers", "pyfastcdc"} <= set(last.split())


def _back_up(holdfast: Run, folder: Path) -> None:
    (folder / "source").mkdir()
    (folder / "source" / "a.txt").write_text("hello")
    for number in range(MANY_FOLDERS):  # then another process looks ahead
        (folder / "source" / f"folder {number}").mkdir()
    holdfast("repo", "create", "repo", "--key-file", "key")
    assert holdfast("backup", "source", *ARGUMENTS).status == 0


def _said_by(program: str, verb: str, folder: Path) -> str:
    command = [sys.executable, "-c", program, *verb.split(), *ARGUMENTS]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
