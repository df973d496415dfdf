"""The entry point: verbs found, errors as one line, exit statuses of the contract."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from holdfast import errors
from holdfast.cli import main
from holdfast.cli.main import VERBS, run
from holdfast.cli.meant import ELSEWHERE
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


@pytest.mark.parametrize("word", ELSEWHERE)
def test_another_tool_s_verb_leads_to_one_of_ours(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert word not in VERBS
    for verb in ELSEWHERE[word]:
        assert run([*verb.split(), "--help"]) == ExitStatus.DONE
    capsys.readouterr()
    assert run([word, "something"]) == ExitStatus.BAD_USAGE
    assert f"did you mean {' or '.join(ELSEWHERE[word])}?" in capsys.readouterr().err


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


@pytest.mark.parametrize("arguments", [["platforms"], ["--help"], ["ls", "--help"]])
def test_a_reader_that_goes_away_ends_it_as_it_ends_any_tool_without_a_word(arguments: list[str]) -> None:
    with _nobody_reads() as pipe:
        command = [sys.executable, "-m", "holdfast", *arguments]
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_went_wrong_has_its_status_where_nobody_reads_the_line(stream: str) -> None:
    with _nobody_reads() as pipe:
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: pipe}
        done = subprocess.run([sys.executable, "-m", "holdfast", "sing"], **streams, check=False)
    assert done.returncode == ExitStatus.BAD_USAGE


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "a worker's pipe"), SystemExit(0)])
def test_another_broken_pipe_is_not_taken_for_the_output(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(type(error)):
        run(["anything"])


@contextmanager
def _nobody_reads() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def test_a_system_error_that_nothing_foresaw_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError(errno.ENOSPC, "full", "a file")

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(OSError, match="a file"):
        run(["anything"])


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError(), "memory ran out; give it more, or fewer --jobs"),
        (MemoryError("no room for a pack"), "memory ran out: no room for a pack; give it more, or fewer --jobs"),
        (OSError(errno.EMFILE, "many", "a file"), "the system gives no more: too many open files; raise its limits"),
        (OSError(errno.ENOMEM, "no memory"), "the system gives no more: cannot allocate memory; raise its limits"),
    ],
)
def test_what_the_system_has_too_little_of_is_one_line(
    error: BaseException, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    assert run(["anything"]) == ExitStatus.ENVIRONMENT_FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"holdfast: {text}")


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


AT_EXIT = "import atexit, sys; from holdfast.cli import main; main.run = lambda arguments: {}; main.main()"


def _ended(run_does: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", AT_EXIT.format(run_does)], capture_output=True, text=True, check=False)


def test_the_process_ends_with_its_status_after_what_is_registered_for_its_end() -> None:
    done = _ended("atexit.register(print, 'last') and print('first') or 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "first\nlast\n", "")


def test_a_mistake_of_the_program_ends_with_its_traceback() -> None:
    done = _ended("1 // 0")
    assert (done.returncode, done.stderr.splitlines()[-1].split(":")[0]) == (1, "ZeroDivisionError")
