from __future__ import annotations

import fcntl
import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.platforms import synthesize
from tests.platforms.reading import Template, settings_with


class Stacks(NamedTuple):
    """Both templates of one synthesis, and the folder they were written to."""

    primary: Template
    replica: Template
    folder: Path


Synthesis = Callable[..., Stacks]


def empty_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("handler.py"), "")
    return path


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """Synthesize a variation of the defaults once for the whole run, whichever worker asks first."""
    shared = tmp_path_factory.getbasetemp().parent / "synthesis"
    shared.mkdir(exist_ok=True)

    def run(**changes: Any) -> Stacks:
        name = hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()[:16]
        folder = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "done").exists():
                synthesize(settings_with(**changes), out=folder, bundle=empty_zip(shared / f"{name}.zip"))
                (folder / "done").touch()
        found = {path.name: Template(json.loads(path.read_bytes())) for path in folder.glob("*.template.json")}
        replica = next(key for key in found if "-replica-" in key)
        primary = next(key for key in found if key != replica)
        return Stacks(found[primary], found[replica], folder)

    return run


@pytest.fixture(scope="session")
def stacks(synthesis: Synthesis) -> Stacks:
    """The defaults."""
    return synthesis()


@pytest.fixture(scope="session")
def primary(stacks: Stacks) -> Template:
    """The first region."""
    return stacks.primary


@pytest.fixture(scope="session")
def replica(stacks: Stacks) -> Template:
    """The second region."""
    return stacks.replica
