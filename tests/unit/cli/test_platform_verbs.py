from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from holdfast.cli.main import run
from holdfast.platforms.registry import PLATFORMS
from holdfast.settings.load import defaults, load


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLDFAST_ENVIRONMENT", raising=False)
    return tmp_path


def test_platforms_lists_what_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["platforms", "--output", "json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(PLATFORMS)
    assert run(["platforms"]) == 0
    assert capsys.readouterr().out.split(maxsplit=2)[:2] == ["backup-vault", "S3"]


def test_init_writes_a_file_that_loads_to_the_defaults(empty_folder: Path) -> None:
    assert run(["init", "backup-vault"]) == 0
    assert load(empty_folder / "holdfast.yaml", environ={}) == defaults("backup-vault")


def test_init_replaces_no_file_unless_forced(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_folder / "holdfast.yaml").write_text("mine")
    assert run(["init", "backup-vault"]) == 2
    assert "holdfast.yaml exists: choose another --file, or --force" in capsys.readouterr().err
    assert (empty_folder / "holdfast.yaml").read_text() == "mine"
    assert run(["init", "backup-vault", "--force"]) == 0


def test_init_of_nothing_known_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "backup-volt"]) == 2
    assert "did you mean backup-vault?" in capsys.readouterr().err


def test_schema_names_every_key_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert {"platform", "environment", "promises", "vault", "checks"} <= set(schema["properties"])
    assert schema["$defs"]["Vault"]["properties"]["max_concurrent_backups"]["maximum"] == 1000
    assert schema["$defs"]["Promises"]["properties"]["rpo"]["pattern"].startswith("^")


def test_settings_show_fills_in_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    Path("holdfast.yaml").write_text("platform: backup-vault\n")
    assert run(["settings", "show", "--environment", "qa"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["environment"], shown["promises"]["rpo"], shown["promises"]["availability"]) == ("qa", "24h", "99.9%")


def test_wrong_settings_end_with_two_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("holdfast.yaml").write_text("platform: backup-vault\nvault: {batch_size: 11}\n")
    assert run(["settings", "show"]) == 2
    assert capsys.readouterr().err == (
        "holdfast: holdfast.yaml:2: vault.batch_size must be a whole number, 1 to 10, got 11\n"
    )


@pytest.mark.synth
def test_promises_of_the_defaults_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["promises", "--platform", "backup-vault", "--output", "json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["retention"]["evidence"] == "derived"
    assert found["rto"]["met"] is None


def test_broken_promise_ends_with_one_and_its_sum(capsys: pytest.CaptureFixture[str]) -> None:
    Path("holdfast.yaml").write_text("platform: backup-vault\npromises: {rpo: 12h}\n")
    assert run(["promises"]) == 1
    out = capsys.readouterr().out
    assert "NOT MET" in out
    assert "= 16h 25m" in out


@pytest.mark.synth
def test_synth_writes_templates_and_says_where(empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile("bundle.zip", "w"):
        pass
    arguments = ["synth", "backup-vault", "--environment", "qa", "--out", "out", "--bundle", "bundle.zip"]
    assert run([*arguments, "--output", "json"]) == 0
    captured = capsys.readouterr()
    written = json.loads(captured.out)
    assert [(one["stack"], one["region"]) for one in written] == [
        ("backup-vault-replica-qa", "us-west-2"),
        ("backup-vault-qa", "us-east-1"),
    ]
    assert all((empty_folder / one["template"]).exists() for one in written)
    assert "alerts is empty, so that alarms reach nobody" in captured.err
    assert "0 errors" in captured.err
    assert "suppressed ALM005" in captured.err


@pytest.mark.synth
def test_synth_ends_with_one_on_an_error_unless_told_not_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile("bundle.zip", "w"):
        pass
    Path("holdfast.yaml").write_text("platform: backup-vault\nchecks: {required_tags: [Nowhere]}\n")
    arguments = ["synth", "--out", "out", "--bundle", "bundle.zip", "--quiet"]
    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert "error NAM003" in captured.err
    assert "backup-vault-dev.template.json" in captured.out
    assert run([*arguments, "--no-check"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.synth
def test_cdk_app_takes_the_environment_from_the_context(empty_folder: Path) -> None:
    """In a process of its own, since the CDK's bridge reads where to write only when it starts."""
    with zipfile.ZipFile("bundle.zip", "w"):
        pass
    code = (
        "from pathlib import Path; from holdfast.platforms import synthesis; "
        "synthesis._built_bundle = lambda settings: Path('bundle.zip').absolute(); "
        "synthesis.synthesize_for_cdk(Path.cwd())"
    )
    told = {"CDK_OUTDIR": str(empty_folder / "cdk.out"), "CDK_CONTEXT_JSON": '{"environmentSuffix": "ctx"}'}
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **told})
    assert (empty_folder / "cdk.out" / "backup-vault-ctx.template.json").exists()


def test_synth_takes_names_or_a_file_not_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synth", "backup-vault", "--settings", "x.yaml", "--out", "out"]) == 2
    assert "give PLATFORM names or --settings, not both" in capsys.readouterr().err
