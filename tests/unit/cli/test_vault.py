"""The verb `vault replay`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.cli.main import run
from holdfast.errors import ExitStatus, NotFound
from holdfast.vault import replay as service
from holdfast.vault.replay import Replayed


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    calls: list[tuple[str, Any]] = []

    def replay(stack: str, *, region: str | None = None, **_: Any) -> Replayed:
        calls.append((stack, region))
        if stack == "nowhere":
            raise NotFound("no stack 'nowhere' in us-east-1; check its name and region")
        return Replayed(3, 3) if stack == "full" else Replayed(0, 0)

    monkeypatch.setattr(service, "replay", replay)
    return calls


def test_moved_letters_are_counted(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "replay", "full", "--region", "us-west-2"]) == ExitStatus.DONE
    assert asked == [("full", "us-west-2")]
    assert capsys.readouterr().out == "moved 3 dead letters back into the backup queue\n"


def test_an_empty_queue_is_no_failure(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "replay", "empty"]) == ExitStatus.DONE
    assert capsys.readouterr().out == "no dead letter waits\n"


def test_result_as_json(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "replay", "full", "--output", "json"]) == ExitStatus.DONE
    assert json.loads(capsys.readouterr().out) == {"waiting": 3, "moved": 3}


def test_a_missing_stack_is_one_line_and_status_4(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["vault", "replay", "nowhere"]) == ExitStatus.NOT_FOUND
    assert capsys.readouterr().err == "holdfast: no stack 'nowhere' in us-east-1; check its name and region\n"
