"""The policy of `docs/append-only.md`: its holder backs up and restores, and can neither forget, prune nor repair."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.cli.main import run
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.aws_stores import make_stores
from tests.support.command_line import Outcome
from tests.support.emulator import HOME, strict_aws
from tests.support.trees import File, Folder, make, picture

pytestmark = pytest.mark.emulator
__all__ = ["strict_aws"]

PAGE = Path(__file__).parents[2] / "docs" / "append-only.md"
TREE = Folder({b"a.txt": File((b"hello",)), b"sub": Folder({b"b": File((b"b" * 50_000,))})})
As = Callable[..., Outcome]


@dataclass(frozen=True)
class Place:
    repo: str
    bucket: str
    run_as: Callable[..., Outcome]


def documented_policy(**values: str) -> str:
    """The page's policy with the names of this repository."""
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    text = found.group(1)
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def credentials_with(aws: EmbeddedAws, policy: str) -> dict[str, str]:
    iam, sts = aws.client("iam", HOME), aws.client("sts", HOME)
    principal = {"AWS": f"arn:aws:iam::{aws.account}:root"}
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="append-only", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    iam.put_role_policy(RoleName="append-only", PolicyName="rights", PolicyDocument=policy)
    found = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }


@pytest.fixture
def place(strict_aws: EmbeddedAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    """A repository that the account's owner created, and a way to run as the owner or as the writer."""
    stores = make_stores(strict_aws)
    key = strict_aws.client("kms", HOME).create_key()["KeyMetadata"]["Arn"]
    repo = f"s3://{stores.bucket}/backups?key={key}&metadata={stores.metadata}&deduplication={stores.deduplication}"
    names = {"BUCKET": stores.bucket, "PREFIX": "backups", "METADATA": stores.metadata}
    policy = documented_policy(**names, DEDUPLICATION=stores.deduplication, KEY_ARN=key)
    writer = credentials_with(strict_aws, policy)

    def run_as(who: str, *arguments: str) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            patch.delenv("HOLDFAST_PASSWORD", raising=False)
            for name, value in {**strict_aws.environment(HOME), **(writer if who == "writer" else {})}.items():
                patch.setenv(name, value)
            capsys.readouterr()
            return Outcome(run([*arguments, "--repo", repo]), *capsys.readouterr())

    with pytest.MonkeyPatch.context() as patch:
        for name, value in strict_aws.environment(HOME).items():
            patch.setenv(name, value)
        assert run(["repo", "create", repo, "--quiet"]) == 0
    return Place(repo, stores.bucket, run_as)


def test_an_append_only_writer_backs_up_and_restores_and_destroys_nothing(place: Place, tmp_path: Path) -> None:
    source = make(TREE, tmp_path / "source")
    for _ in range(2):
        done = place.run_as("writer", "backup", "source")
        assert (done.status, done.err) == (0, "")
    assert place.run_as("writer", "restore", "latest", "--target", "target").status == 0
    assert picture(tmp_path / "target") == picture(source)
    for attempt in (
        ("forget", "--keep-last", "1", "--apply"),
        ("prune", "--apply"),
        ("repair", "--apply"),
    ):
        refused = place.run_as("writer", *attempt)
        assert refused.status == 3, (attempt, refused)
        assert "denied" in refused.err.lower() or "not authorized" in refused.err.lower()
        assert len([line for line in refused.err.splitlines() if line.startswith("holdfast: ")]) == 1
    listed = place.run_as("owner", "snapshots", "--output", "json")
    assert len(listed.json) == 2
    assert place.run_as("owner", "verify", "--read-data").status == 0
    assert place.run_as("owner", "forget", "--keep-last", "1", "--apply").status == 0
    assert place.run_as("owner", "prune", "--apply").status == 0
