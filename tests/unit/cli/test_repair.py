"""`holdfast repair` from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.command_line import Run
from tests.support.repositories import noise


@pytest.fixture
def damaged(holdfast: Run, tmp_path: Path) -> Path:
    """A repository with a snapshot of `source`, a copy of it in `copy`, and a byte of a data pack flipped."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(noise(200_000))
    holdfast("repo", "create", "repo")
    assert holdfast("backup", "source", "--repo", "repo").status == 0
    shutil.copytree(tmp_path / "repo", tmp_path / "copy")
    pack = max((tmp_path / "repo" / "packs").rglob("*"), key=lambda path: path.is_file() and path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[100] ^= 1
    pack.write_bytes(data)
    return tmp_path / "repo"


def test_repair_shows_what_is_damaged_and_whether_the_replica_has_it(holdfast: Run, damaged: Path) -> None:
    outcome = holdfast("repair", "--repo", "repo", "--replica", "copy")
    assert outcome.status == 1
    assert "file: source/file" in outcome.out
    assert "the replica has it whole" in outcome.out
    assert holdfast("repair", "--repo", "repo", "--replica", "copy", "--output", "json").json["damage"][0]["in_replica"]
    assert holdfast("verify", "--repo", "repo", "--read-data").status == 1


@pytest.mark.parametrize("option", [("--replica", "copy"), ("--source", "source")])
def test_repair_heals_from_a_replica_or_the_source(holdfast: Run, damaged: Path, option: tuple[str, str]) -> None:
    outcome = holdfast("repair", "--repo", "repo", *option, "--apply", "--output", "json")
    assert (outcome.status, outcome.json["ok"], outcome.json["packs_evacuated"]) == (0, True, 1)
    assert holdfast("verify", "--repo", "repo", "--read-data").status == 0
    assert holdfast("prune", "--repo", "repo", "--apply").status == 0
    assert holdfast("restore", "latest", "--repo", "repo", "--target", "back").status == 0
    assert Path("back/file").read_bytes() == Path("source/file").read_bytes()
    assert holdfast("repair", "--repo", "repo", "--apply").out == "nothing is wrong: nothing was changed\n"


def test_repair_lists_what_nothing_heals(holdfast: Run, damaged: Path) -> None:
    outcome = holdfast("repair", "--repo", "repo", "--apply")
    assert outcome.status == 1
    assert "still damaged" in outcome.out
    assert "file: source/file" in outcome.out
    assert holdfast("backup", "source", "--repo", "repo", "--reread").status == 0
    assert holdfast("verify", "--repo", "repo", "--read-data").status == 0


def test_repair_makes_a_lost_catalogue_anew(holdfast: Run, damaged: Path) -> None:
    for path in damaged.glob("catalogue.sqlite*"):
        path.unlink()
    assert holdfast("repair", "--repo", "repo", "--replica", "copy", "--apply").status == 0
    assert len(holdfast("snapshots", "--repo", "repo", "--output", "json").json) == 1


def test_repair_refuses_a_copy_of_something_else(holdfast: Run, damaged: Path) -> None:
    assert holdfast("repair", "--repo", "repo", "--replica", "nowhere").status == 4
    holdfast("repo", "create", "other")
    outcome = holdfast("repair", "--repo", "repo", "--replica", "other", "--apply")
    assert outcome.status == 2
    assert "the replica is of repository" in outcome.err


def test_repair_brings_back_a_lost_config(holdfast: Run, damaged: Path) -> None:
    (damaged / "config").unlink()
    assert holdfast("verify", "--repo", "repo").status == 4
    outcome = holdfast("repair", "--repo", "repo", "--replica", "copy", "--apply")
    assert (outcome.status, "brought back config" in outcome.err) == (0, True)
    assert holdfast("verify", "--repo", "repo", "--read-data").status == 0


def test_keys_are_rotated(holdfast: Run, damaged: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("another one")
    holdfast("repo", "key", "add", "repo", "--new-password-file", "new")
    assert len(holdfast("repo", "key", "list", "repo", "--output", "json").json) == 2
    outcome = holdfast("repo", "key", "rotate", "repo", "--new-password-file", "new")
    assert (outcome.status, outcome.out) == (0, "rotated: key ring 2 is current\n")
    assert len(holdfast("repo", "key", "list", "repo", "--output", "json").json) == 1
    assert holdfast("snapshots", "--repo", "repo").status == 5
    assert holdfast("snapshots", "--repo", "repo", "--password-file", "new").status == 0
