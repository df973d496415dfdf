"""`deploy`, `diff`, `outputs` and `destroy` on the embedded AWS; the platform is an assembly of one queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import platforms
from holdfast.cli.main import run
from holdfast.errors import ExitStatus
from holdfast.rehearsal.embedded import kept

pytestmark = pytest.mark.emulator


class Queue:
    """What the next synthesis writes."""

    timeout = 10
    broken = False
    parameters: dict[str, Any] = {}

    def synthesize(self, *_settings: object, out: Path, **_: object) -> list[object]:
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "one", "VisibilityTimeout": self.timeout}}
        template: dict[str, Any] = {"Resources": {"Q": queue}, "Outputs": {"Url": {"Value": {"Ref": "Q"}}}}
        if self.parameters:
            template |= {"Parameters": self.parameters}
            template["Outputs"]["Told"] = {"Value": {"Ref": "Size"}}
        if self.broken:
            template["Resources"]["Bad"] = {"Type": "AWS::Nobody::Knows"}
        out.joinpath("one.template.json").write_text(json.dumps(template))
        artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "one.template.json"}}
        out.joinpath("manifest.json").write_text(json.dumps({"artifacts": {"one": artifact}}))
        return []


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Queue]:
    queue = Queue()
    monkeypatch.setattr(platforms, "synthesize", queue.synthesize)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield queue
    kept.stop(tmp_path / "holdfast" / "embedded")


def verb(name: str, *options: str, environment: str = "dev") -> int:
    return run([name, "--embedded", "--platform", "backup-vault", "--environment", environment, *options])


def test_a_stack_is_made_told_compared_changed_and_destroyed(
    queue: Queue, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert verb("deploy") == ExitStatus.DONE
    told = capfd.readouterr()
    assert told.out.startswith("one.Url = http")
    assert "[1/1] one Q (AWS::SQS::Queue) CREATE_COMPLETE" in told.err

    assert verb("diff") == ExitStatus.DONE
    assert capfd.readouterr().out == "one  us-east-1  unchanged\n"

    queue.timeout = 20
    assert verb("diff", "--output", "json") == ExitStatus.DONE
    [difference] = json.loads(capfd.readouterr().out)
    [change] = difference["changes"]
    assert (change["action"], change["logical_id"], change["properties"]) == ("Modify", "Q", ["VisibilityTimeout"])
    assert verb("deploy", "--quiet") == ExitStatus.DONE
    assert capfd.readouterr().err == ""
    assert verb("diff") == ExitStatus.DONE
    assert "unchanged" in capfd.readouterr().out

    assert verb("outputs", "--output", "json") == ExitStatus.DONE
    assert list(json.loads(capfd.readouterr().out)["one"]) == ["Url"]

    assert verb("destroy", "--yes") == ExitStatus.DONE
    assert "was stopped" in capfd.readouterr().err
    assert not (tmp_path / "holdfast" / "embedded" / kept.RECORD).exists()


def test_looking_where_nothing_runs_is_not_found_and_starts_nothing(
    queue: Queue, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("diff", "outputs", "destroy"):
        assert verb(name) == ExitStatus.NOT_FOUND
    assert "`holdfast deploy --embedded` starts one" in capfd.readouterr().err
    assert not (tmp_path / "holdfast").exists()


def test_a_new_stack_is_all_additions_and_looking_leaves_none(
    queue: Queue, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept.started(tmp_path / "holdfast" / "embedded")
    assert verb("diff") == ExitStatus.DONE
    assert capfd.readouterr().out == "one  us-east-1  new\n  + Q (AWS::SQS::Queue)\n"
    assert verb("outputs") == ExitStatus.NOT_FOUND


def test_a_template_that_is_refused_says_why_and_leaves_no_stack(
    queue: Queue, capfd: pytest.CaptureFixture[str]
) -> None:
    queue.broken = True
    assert verb("deploy") == ExitStatus.ENVIRONMENT_FAILED
    assert "AWS::Nobody::Knows" in capfd.readouterr().err
    assert verb("outputs") == ExitStatus.NOT_FOUND


def test_destroy_asks_and_refuses_what_is_protected(queue: Queue, capfd: pytest.CaptureFixture[str]) -> None:
    assert verb("deploy", environment="prod") == ExitStatus.DONE
    assert verb("destroy", "--yes", environment="prod") == ExitStatus.BAD_USAGE
    assert "environment prod is protected: write `removal: destroy`" in capfd.readouterr().err

    assert verb("destroy", environment="dev") == ExitStatus.BAD_USAGE
    assert "give --yes" in capfd.readouterr().err
    assert verb("outputs", environment="dev") == ExitStatus.DONE


def test_a_parameter_without_default_is_asked_for_and_then_kept(
    queue: Queue, capfd: pytest.CaptureFixture[str]
) -> None:
    queue.parameters = {"Size": {"Type": "String", "Description": "how large"}}
    assert verb("deploy") == ExitStatus.BAD_USAGE
    assert "stack one needs a value for Size (how large)" in capfd.readouterr().err
    assert verb("deploy", "--parameter", "Sizes=3") == ExitStatus.BAD_USAGE
    assert "no stack has a parameter 'Sizes'; there are: Size" in capfd.readouterr().err

    assert verb("deploy", "--parameter", "Size=3") == ExitStatus.DONE
    queue.timeout = 20
    assert verb("deploy") == ExitStatus.DONE
    assert "one.Told = 3" in capfd.readouterr().out


def test_diff_is_of_snapshots_only_with_a_repository(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "latest", "latest"]) == ExitStatus.BAD_USAGE
    assert "give --repo REPO" in capfd.readouterr().err
    assert run(["diff", "--repo", "somewhere", "latest"]) == ExitStatus.BAD_USAGE
    assert "takes two snapshots" in capfd.readouterr().err


def test_without_credentials_aws_is_refused_in_one_line(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert run(["diff", "--platform", "backup-vault"]) == ExitStatus.ENVIRONMENT_FAILED
    [line] = capfd.readouterr().err.splitlines()
    assert "use --embedded" in line


@pytest.fixture
def credentials(queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An operator's credentials for an account, which an embedded AWS plays; its number."""
    aws = kept.started(tmp_path / "holdfast" / "embedded")
    for name, value in aws.environment("us-east-1").items():
        monkeypatch.setenv(name, value)
    return aws.account


def test_with_credentials_the_same_verbs_go_to_their_account(
    queue: Queue, credentials: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def on_aws(name: str, *options: str) -> int:
        return run([name, "--platform", "backup-vault", "--environment", "dev", *options])

    assert on_aws("deploy") == ExitStatus.BAD_USAGE
    told = capfd.readouterr().err
    assert "one  us-east-1  new\n  + Q (AWS::SQS::Queue)" in told
    assert f"Deploy 1 stacks to account {credentials}? there is no terminal to ask on: give --yes" in told
    assert on_aws("outputs") == ExitStatus.NOT_FOUND

    assert on_aws("deploy", "--yes") == ExitStatus.DONE
    assert on_aws("diff") == ExitStatus.DONE
    assert "one  us-east-1  unchanged" in capfd.readouterr().out
    assert on_aws("destroy", "--yes") == ExitStatus.DONE
    assert on_aws("outputs") == ExitStatus.NOT_FOUND


def test_settings_of_another_account_are_refused(
    queue: Queue, credentials: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "holdfast.yaml").write_text("platform: backup-vault\naccount: '999999999999'\n")
    assert run(["deploy", "--yes"]) == ExitStatus.BAD_USAGE
    assert f"settings name account 999999999999, the credentials are of {credentials}" in capfd.readouterr().err
