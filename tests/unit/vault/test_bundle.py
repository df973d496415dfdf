"""The functions' zip. The installer is replaced by one that writes wheels of its own; one test runs the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import InvalidRequest, StoreUnavailable
from holdfast.vault import bundle
from holdfast.vault.bundle import build, build_native, lock_path

WHEELS = {
    "botocore/client.py": "code",
    "botocore/data/endpoints.json": "{}",
    "botocore/data/s3/2006-03-01/service-2.json.gz": "kept",
    "botocore/data/ec2/2016-11-15/service-2.json.gz": "dropped",
    "zstandard/backend_c.so": "kept",
    "zstandard/_cffi.cpython-313.so": "dropped",
    "thing-1.dist-info/RECORD": "dropped",
    "thing-1.dist-info/METADATA": "kept",
    "thing/__pycache__/x.pyc": "dropped",
    "bin/jp.py": "dropped",
}
Installed = list[Sequence[str]]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Commands given to the installer, which writes WHEELS in an order of its own."""
    commands: Installed = []

    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        target = Path(command[command.index("--target") + 1])
        names = sorted(WHEELS, reverse=len(commands) % 2 == 0)
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(WHEELS[name])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("holdfast.vault.bundle.subprocess.run", run)
    return commands


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_two_builds_elsewhere_at_another_time_under_another_umask_are_the_same_bytes(
    tmp_path: Path, installed: Installed
) -> None:
    first = build(tmp_path / "one", architecture="arm64")
    before = os.umask(0o077)
    try:
        second = build(tmp_path / "two" / "deeper", architecture="arm64")
    finally:
        os.umask(before)
    assert len(installed) == 2
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.sha256, first.size_bytes) == (second.sha256, second.size_bytes)


def test_a_second_build_into_the_same_folder_installs_nothing(tmp_path: Path, installed: Installed) -> None:
    assert build(tmp_path, architecture="arm64") == build(tmp_path, architecture="arm64")
    assert len(installed) == 1
    assert [path.name for path in tmp_path.iterdir()] == [build(tmp_path, architecture="arm64").path.name]


def test_what_functions_import_is_in_it_and_nothing_else_of_ours(tmp_path: Path, installed: Installed) -> None:
    found = names(build(tmp_path, architecture="arm64").path)
    ours = {name for name in found if name.startswith("holdfast/")}
    assert {"holdfast/errors.py", "holdfast/vault/back_up.py", "holdfast/backup/stores/aws/ledger.py"} <= ours
    assert {name.split("/")[1] for name in ours} == {"__init__.py", "errors.py", "backup", "vault", "settings"}
    assert {name for name in ours if "/settings/" in name} == {
        "holdfast/settings/__init__.py",
        "holdfast/settings/variables.py",
    }
    assert found - ours == {name for name, text in WHEELS.items() if text != "dropped"}


@pytest.mark.parametrize(
    ("make", "platform"),
    [
        (lambda folder: build(folder, architecture="arm64"), "aarch64-manylinux_2_28"),
        (lambda folder: build(folder, architecture="x86_64"), "x86_64-manylinux_2_28"),
        (build_native, None),
    ],
)
def test_wheels_are_chosen_for_the_target_and_demanded_by_hash(
    tmp_path: Path, installed: Installed, make: Callable[[Path], Any], platform: str | None
) -> None:
    make(tmp_path)
    (command,) = installed
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command)
    assert str(lock_path()) in command
    assert (platform in command) if platform else ("--python-platform" not in command)


def test_targets_have_names_of_their_own(tmp_path: Path, installed: Installed) -> None:
    made = {build(tmp_path, architecture="arm64"), build(tmp_path, architecture="x86_64"), build_native(tmp_path)}
    assert len({one.path for one in made}) == 3


def test_another_lock_makes_another_zip(tmp_path: Path, installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build(tmp_path, architecture="arm64")
    (tmp_path / "other.txt").write_text("other==1 --hash=sha256:0\n")
    monkeypatch.setattr(bundle, "lock_path", lambda: tmp_path / "other.txt")
    assert build(tmp_path, architecture="arm64").path != before.path


def test_wheels_that_cannot_be_had_are_told_in_one_line_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "error:\n  no route to host\n")

    monkeypatch.setattr("holdfast.vault.bundle.subprocess.run", run)
    with pytest.raises(StoreUnavailable, match="error: no route to host") as raised:
        build(tmp_path, architecture="arm64")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="arm64, x86_64"):
        build(tmp_path, architecture="riscv")  # type: ignore[arg-type]


def test_a_bundle_too_large_for_lambda_is_refused(
    tmp_path: Path, installed: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MOST_UNPACKED", 1000)
    with pytest.raises(InvalidRequest, match="more than the 1000"):
        build(tmp_path, architecture="arm64")


def test_lock_names_no_host_and_pins_every_wheel() -> None:
    text = lock_path().read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") > text.count("==") > 5


def test_every_handler_runs_from_the_bundle_alone(tmp_path: Path) -> None:
    """The real wheels, for this Python, in a process that sees the zip's content and the standard library."""
    if bundle._find_uv() is None:
        pytest.skip("no uv to install wheels with")
    made = build_native(tmp_path)
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(tmp_path / "task")
    code = (
        "import sys, json, importlib; sys.path.insert(0, sys.argv[1]);"
        "parts = ('dispatch', 'back_up', 'restore', 'verify', 'prune', 'create', 'replica_key');"
        "handlers = [importlib.import_module('holdfast.vault.' + part).handler for part in parts];"
        "from holdfast.backup.stores.aws.clients import Clients;"
        "[Clients()(service, 'us-east-1') for service in ('s3', 'dynamodb', 'kms', 'sqs', 'sns', 'ssm')];"
        "print(json.dumps([len(handlers), sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(tmp_path / "task")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"TZ": "UTC"})
    count, loaded = json.loads(done.stdout)
    assert count == 7
    assert not {"boto3", "click", "pydantic", "yaml", "aws_cdk"} & set(loaded)
    assert made.size_bytes < 50 * 1024 * 1024  # what Lambda takes without a detour through S3
