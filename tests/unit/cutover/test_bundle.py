"""The zip of the switch function."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from holdfast.cutover.bundle import build


def test_bundle_is_the_same_bytes_wherever_it_is_built(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    assert build(tmp_path / "a") == first


def test_bundle_is_small_and_plain_python(tmp_path: Path) -> None:
    path = build(tmp_path)
    names = zipfile.ZipFile(path).namelist()
    assert all(name.endswith(".py") for name in names)
    assert path.stat().st_size < 100_000
    assert not [name for name in names if "memory" in name]


def test_both_handlers_import_from_the_bundle_and_the_sdk_alone(tmp_path: Path) -> None:
    path = build(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "import holdfast.cutover.handler as h, holdfast.cutover.adopt as a; "
        "assert sys.argv[1] in h.__file__ and sys.argv[1] in a.__file__; "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert not {"pydantic", "aws_cdk", "blake3", "zstandard", "cryptography"} & set(done.stdout.split())
