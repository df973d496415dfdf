from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesize
from tests.platforms.reading import Template, settings_with

Build = Callable[..., Template]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the defaults' assembly."""
    folder = tmp_path_factory.getbasetemp().parent / "transaction-database"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            synthesize(settings_with(platform="transaction-database"), out=folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def template(assembly: Path) -> Template:
    """The defaults."""
    return Template(json.loads((assembly / "transaction-database-prod.template.json").read_bytes()))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Synthesize a variation of the defaults."""

    def run(**changes: Any) -> Template:
        (stack,) = synthesize(settings_with(platform="transaction-database", **changes), out=tmp_path)
        return Template(stack.template)

    return run
