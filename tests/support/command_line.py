"""What a command line ended with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.cli.main import run
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import HOME


class Outcome(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def holdfast_on_aws(
    aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command line in an empty folder, with the embedded AWS in the environment and no password."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDFAST_PASSWORD", raising=False)
    for name, value in aws.environment(HOME).items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = run(list(arguments))
        return Outcome(status, *capsys.readouterr())

    return call
