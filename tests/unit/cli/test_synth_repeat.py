"""A repeated `holdfast synth` is answered from the cache, unless anything it depends on has changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli import synth
from holdfast.cli.main import run
from holdfast.platforms.synthesis_cache import Told, store


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was synthesized anew; the file names a platform."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("holdfast.yaml").write_text("platform: backup-vault\n")
    Path("assembly").mkdir()
    Path("assembly/manifest.json").write_text("{}")
    calls: list[Any] = []

    def fake(chosen: Any, _out: Path, _bundle: Path | None, folder: Path, *_: object) -> Told:
        calls.append(chosen)
        store(folder, "key", Path("assembly"), [])
        repeatable = not chosen[0].checks.rules
        return Told(key="key", lines=[("line", False)], stacks=1, status=1, can_be_repeated=repeatable)

    monkeypatch.setattr(synth, "_synthesize", fake)
    return calls


def test_an_unchanged_repeat_gives_the_same_answer_and_status(
    made: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [run(["synth", "--out", "out"]) for _ in range(2)] == [1, 1]
    assert capsys.readouterr().out == "line\nline\n"
    assert len(made) == 1
    assert Path("out/manifest.json").read_text() == "{}"


@pytest.mark.parametrize(
    "options",
    [["--environment", "other"], ["--no-check"], ["--output", "json"], ["--quiet"], ["backup-archive"]],
    ids=" ".join,
)
def test_another_request_is_another_answer(made: list[Any], options: list[str]) -> None:
    run(["synth", "--out", "out"])
    run(["synth", "--out", "out", *options])
    assert len(made) == 2


def test_changed_settings_variable_or_folder_are_another_answer(
    made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["synth", "--out", "out"])
    Path("holdfast.yaml").write_text("platform: backup-vault\nenvironment: staging\n")
    run(["synth", "--out", "out"])
    monkeypatch.setenv("HOLDFAST_ENVIRONMENT", "third")
    run(["synth", "--out", "out"])
    run(["synth", "--out", "elsewhere"])
    assert len(made) == 4


def test_a_bundle_of_ones_own_or_rules_of_ones_own_are_never_answered_from_memory(made: list[Any]) -> None:
    Path("b.zip").write_bytes(b"zip")
    for _ in range(2):
        run(["synth", "--out", "out", "--bundle", "b.zip"])
    Path("rules").mkdir()
    Path("holdfast.yaml").write_text("platform: backup-vault\nchecks: {rules: [rules]}\n")
    for _ in range(2):
        run(["synth", "--out", "out"])
    assert len(made) == 4


def test_a_repeat_loads_neither_settings_nor_cdk(made: list[Any], tmp_path: Path) -> None:
    run(["synth", "--out", "out"])
    code = (
        "import sys; from holdfast.cli.main import run; status = run(['synth', '--out', 'out']); "
        "sys.exit(10 * bool({'pydantic', 'aws_cdk', 'boto3'} & set(sys.modules)) + status)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "line\n"), done.stderr
