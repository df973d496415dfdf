"""The entry point: verbs found, errors as one line, exit statuses of the contract."""

from __future__ import annotations

import errno
import importlib
import subprocess
import sys
from pathlib import Path

import click
import pytest

from holdfast import errors
from holdfast.cli import main
from holdfast.cli.main import VERBS, run
from holdfast.errors import ExitStatus, HoldfastError


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_its_module_a_command(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(importlib.import_module(f"holdfast.cli.{VERBS[verb][0]}").command, click.Command)
    assert run([verb, "--help"]) == ExitStatus.DONE
    assert "Usage: holdfast" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["sing"], ["--nope"], ["synth", "--nope"]])
def test_bad_usage_is_one_line_and_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == ExitStatus.BAD_USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "--help`" in said.err


def test_a_mistyped_verb_is_told_what_it_may_have_been(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshot"]) == ExitStatus.BAD_USAGE
    said = capsys.readouterr().err
    assert said == "holdfast: No such command 'snapshot'; did you mean snapshots?; see `holdfast --help`\n"


def test_an_option_before_the_verb_is_told_to_come_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--repo", "r", "backup", "docs"]) == ExitStatus.BAD_USAGE
    said = capsys.readouterr().err
    assert said == ("holdfast: No such option '--repo' before the verb: options come after it; see `holdfast --help`\n")


@pytest.mark.parametrize("arguments", [["platforms"], ["platforms", "--output", "json"], ["--help"]])
def test_a_result_that_cannot_be_written_is_one_line_and_status_three(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "holdfast", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == ExitStatus.ENVIRONMENT_FAILED
    assert done.stderr == "holdfast: the result cannot be written to standard output: no space left on device\n"


def test_a_system_error_that_nothing_foresaw_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.ENOSPC, "full", "a file")

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(OSError, match="a file"):
        run(["anything"])


def test_no_arguments_print_help() -> None:
    assert run([]) == ExitStatus.BAD_USAGE


CLASSES = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, HoldfastError)]


@pytest.mark.parametrize("error", CLASSES)
def test_each_error_ends_with_its_own_status_and_one_line(
    error: type[HoldfastError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error("what is wrong: do this")

    monkeypatch.setattr(main.cli, "main", fail)
    assert run(["anything"]) == error.exit_status
    assert capsys.readouterr().err == "holdfast: what is wrong: do this\n"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
def test_an_interruption_ends_with_130(interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise interruption

    monkeypatch.setattr(main.cli, "main", fail)
    assert run(["anything"]) == ExitStatus.INTERRUPTED
