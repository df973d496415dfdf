"""Imports run cli -> (rehearsal, ...) -> backup -> settings, errors; run-time paths never import aws_cdk."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "holdfast"
MAY_IMPORT = {
    "errors": set[str](),
    "settings": {"errors"},
    "backup": {"settings", "errors"},
    "vault": {"backup", "settings", "errors"},
    "checks": {"settings", "errors"},
    "cutover": {"backup", "vault", "settings", "errors"},
    "platforms": {"settings", "errors", "vault", "cutover", "checks"},
    "drills": {"backup", "settings", "errors"},
    "report": {"settings", "errors"},
    "stacks": {"settings", "errors"},
    "rehearsal": {"stacks", "backup", "vault", "checks", "platforms", "drills", "report", "settings", "errors"},
}
WITHOUT_CDK = ["backup", "vault", "checks", "cutover", "settings", "stacks"]
HEAVY = {"aws_cdk", "boto3", "botocore", "pydantic", "cfnlint", "ministack", "cryptography", "yaml"}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        yield room, path


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_run_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room, "__version__"}
    back = {
        f"{path.relative_to(ROOT)} imports {name}"
        for of, path in modules()
        if of == room
        for name in imported(path)
        if name.startswith("holdfast.") and name.split(".")[1] not in allowed
    }
    assert back == set()


def test_only_platforms_name_aws_cdk() -> None:
    assert {
        room for room, path in modules() for name in imported(path) if name.split(".")[0] in {"aws_cdk", "constructs"}
    } <= {"platforms"}


@pytest.mark.parametrize("room", WITHOUT_CDK)
def test_run_time_rooms_load_without_aws_cdk(room: str) -> None:
    names = [
        ".".join(("holdfast", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for of, path in modules()
        if of == room
    ]
    code = f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\nsys.exit('aws_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from holdfast.cli.main import run; status = run(['--help']); "
        f"sys.exit(status or bool({HEAVY!r} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
