"""Key files and passwords by flag and environment: which open, which are made, which are kept by a rotation."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from holdfast.backup.wire import pack_json, unpack_json
from tests.support.command_line import Run

KEY_FILE, PASSWORD = "HOLDFAST_KEY_FILE", "HOLDFAST_PASSWORD"


@pytest.fixture
def by_file(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a repository that a key file alone opens, and leave no key in the environment."""
    monkeypatch.delenv(PASSWORD)
    made = holdfast("repo", "create", "repo", "--key-file", "key")
    assert (made.status, "made the key file key" in made.err) == (0, True)


def kinds(holdfast: Run) -> list[str]:
    return sorted(slot["kind"] for slot in holdfast("repo", "key", "list", "repo", "--output", "json").json)


def opens(holdfast: Run, *arguments: str) -> int:
    status: int = holdfast("snapshots", "--repo", "repo", *arguments).status
    return status


@pytest.mark.usefixtures("by_file")
def test_a_key_file_is_made_with_the_repository_and_opens_it_by_flag_or_environment(
    holdfast: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stat.S_IMODE(Path("key").stat().st_mode) == 0o600
    assert kinds(holdfast) == ["key-file"]
    assert opens(holdfast, "--key-file", "key") == 0
    monkeypatch.setenv(KEY_FILE, "key")
    assert opens(holdfast) == 0


@pytest.mark.usefixtures("by_file")
def test_a_key_file_backs_up_and_restores(holdfast: Run) -> None:
    Path("source").mkdir()
    (Path("source") / "a.txt").write_text("hello")
    assert holdfast("backup", "source", "--repo", "repo", "--key-file", "key").status == 0
    assert holdfast("restore", "latest", "--target", "t", "--repo", "repo", "--key-file", "key").status == 0
    assert (Path("t") / "a.txt").read_text() == "hello"


@pytest.mark.usefixtures("by_file")
def test_a_key_file_that_exists_is_used_for_another_repository(holdfast: Run) -> None:
    before = Path("key").read_bytes()
    assert holdfast("repo", "create", "second", "--key-file", "key").status == 0
    assert Path("key").read_bytes() == before
    assert holdfast("snapshots", "--repo", "second", "--key-file", "key").status == 0


def test_both_flags_make_both_slots(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD)
    Path("pass").write_text("sesame\n")
    assert holdfast("repo", "create", "repo", "--key-file", "key", "--password-file", "pass").status == 0
    assert kinds(holdfast) == ["key-file", "password"]
    assert [opens(holdfast, "--key-file", "key"), opens(holdfast, "--password-file", "pass")] == [0, 0]


def test_a_refused_creation_makes_no_key_file(holdfast: Run) -> None:
    Path("other").mkdir()
    (Path("other") / "mine").write_text("x")
    assert holdfast("repo", "create", "other", "--key-file", "key").status == 2
    assert not Path("key").exists()


def test_a_flag_overrules_the_environment(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOLDFAST_PASSWORD is set, and would make a second slot."""
    holdfast("repo", "create", "repo", "--key-file", "key")
    assert kinds(holdfast) == ["key-file"]
    assert opens(holdfast) == 5
    monkeypatch.setenv(KEY_FILE, "key")
    assert opens(holdfast) == 0
    Path("pass").write_text("sesame\n")
    assert opens(holdfast, "--password-file", "pass") == 5


def test_of_two_keys_at_hand_one_that_opens_is_enough(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOLDFAST_PASSWORD opens the repository; the key file is another one's."""
    holdfast("repo", "create", "repo")
    holdfast("repo", "create", "another", "--key-file", "key")
    monkeypatch.setenv(KEY_FILE, "key")
    assert opens(holdfast) == 0


BAD = [
    (["--key-file", "none"], 2, "cannot be read"),
    (["--key-file", "wrong"], 5, "wrong key file for this repository"),
    (["--key-file", "text"], 2, "'text' is no key file"),
    (["--key-file", "cut"], 2, "'cut' is damaged"),
    (["--key-file", "newer"], 2, "'newer' is of version 2"),
    (["--key-file", "open"], 2, "(mode 0644)"),
    (["--password-file", "text"], 5, "no key at hand opens this repository; its slots are: key-file"),
    (["--key-file", "wrong", "--password-file", "text"], 5, "wrong key file"),
]


@pytest.mark.usefixtures("by_file")
@pytest.mark.parametrize(("arguments", "status", "text"), BAD, ids=[" ".join(line[0]) for line in BAD])
def test_a_bad_key_is_one_clear_line_and_its_status(
    holdfast: Run, arguments: list[str], status: int, text: str
) -> None:
    line = Path("key").read_bytes()
    holdfast("repo", "create", "another", "--key-file", "wrong")
    for name, data in {"text": b"sesame\n", "cut": line[:60], "newer": line.replace(b"-1 ", b"-2 ")}.items():
        Path(name).write_bytes(data)
        Path(name).chmod(0o600)
    Path("open").write_bytes(line)
    Path("open").chmod(0o644)
    done = holdfast("snapshots", "--repo", "repo", *arguments)
    assert (done.status, done.out, len(done.err.splitlines())) == (status, "", 1)
    assert text in done.err
    assert line.split()[1].decode()[:8] not in done.err


def test_an_empty_variable_is_refused(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    holdfast("repo", "create", "repo")
    monkeypatch.setenv(KEY_FILE, "")
    done = holdfast("snapshots", "--repo", "repo")
    assert (done.status, done.err) == (2, "holdfast: HOLDFAST_KEY_FILE is empty: name a key file, or unset it\n")


def test_a_key_file_is_added_to_a_password_and_removed(holdfast: Run) -> None:
    holdfast("repo", "create", "repo")
    added = holdfast("repo", "key", "add", "repo", "--new-key-file", "key", "--output", "json").json
    assert kinds(holdfast) == ["key-file", "password"]
    assert opens(holdfast, "--key-file", "key") == 0
    assert holdfast("repo", "key", "remove", "repo", added["slot"]).status == 0
    assert opens(holdfast, "--key-file", "key") == 5


@pytest.mark.usefixtures("by_file")
def test_a_password_is_added_by_a_key_file(holdfast: Run) -> None:
    Path("pass").write_text("sesame\n")
    added = holdfast("repo", "key", "add", "repo", "--key-file", "key", "--new-password-file", "pass")
    assert (added.status, opens(holdfast, "--password-file", "pass")) == (0, 0)


@pytest.mark.usefixtures("by_file")
def test_two_new_keys_at_once_are_refused(holdfast: Run) -> None:
    Path("pass").write_text("sesame\n")
    new = ["--new-password-file", "pass", "--new-key-file", "new"]
    assert holdfast("repo", "key", "add", "repo", "--key-file", "key", *new).status == 2
    assert not Path("new").exists()


@pytest.mark.usefixtures("by_file")
def test_a_rotation_keeps_the_key_file_or_puts_a_new_one_in_its_place(holdfast: Run) -> None:
    assert holdfast("repo", "key", "rotate", "repo", "--key-file", "key").status == 0
    assert opens(holdfast, "--key-file", "key") == 0
    assert holdfast("repo", "key", "rotate", "repo", "--key-file", "key", "--new-key-file", "new").status == 0
    assert [opens(holdfast, "--key-file", "key"), opens(holdfast, "--key-file", "new")] == [5, 0]
    assert kinds(holdfast) == ["key-file"]


def test_a_rotation_refuses_a_key_at_hand_that_does_not_open(holdfast: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would let that key in."""
    holdfast("repo", "create", "repo", "--key-file", "key")
    monkeypatch.setenv(KEY_FILE, "key")
    assert holdfast("repo", "key", "rotate", "repo").status == 5
    assert (kinds(holdfast), opens(holdfast, "--key-file", "key")) == (["key-file"], 0)


def test_a_label_says_whose_a_key_is(holdfast: Run) -> None:
    holdfast("repo", "create", "repo")
    assert holdfast("repo", "key", "add", "repo", "--new-key-file", "key", "--label", "laptop 7").status == 0
    (labelled,) = [line for line in holdfast("repo", "key", "list", "repo").out.splitlines() if "key-file" in line]
    assert labelled.endswith("laptop 7")
    labels = [slot.get("label") for slot in holdfast("repo", "key", "list", "repo", "--output", "json").json]
    assert sorted(labels, key=str) == [None, "laptop 7"]
    assert opens(holdfast, "--key-file", "key") == 0


@pytest.mark.parametrize("label", ["x" * 65, "two\nlines", "\x1b[31m"])
def test_a_label_that_is_no_line_is_refused(holdfast: Run, label: str) -> None:
    holdfast("repo", "create", "repo")
    done = holdfast("repo", "key", "add", "repo", "--new-key-file", "key", "--label", label)
    assert (done.status, "label must be at most 64 printable characters" in done.err) == (2, True)
    assert kinds(holdfast) == ["password"]


def test_a_hostile_slot_cannot_reach_the_terminal(holdfast: Run) -> None:
    holdfast("repo", "create", "repo")
    (path,) = Path("repo/keys").glob("slot-*")
    slot = unpack_json(path.read_bytes())
    assert slot is not None
    path.write_bytes(pack_json({**slot, "kind": "\x1b[2J", "label": "\x1b[31m"}))
    listed = holdfast("repo", "key", "list", "repo").out
    assert ("\x1b" in listed, "\\x1b[2J" in listed) == (False, True)
    path.write_bytes(pack_json({name: value for name, value in slot.items() if name != "kind"}))
    assert holdfast("repo", "key", "list", "repo").status == 0


def test_the_verbs_of_repo_take_the_repository_of_the_environment(
    holdfast: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_REPO", "named")
    assert holdfast("repo", "create", "--key-file", "key").status == 0
    assert holdfast("repo", "key", "add", "--key-file", "key", "--new-key-file", "other").status == 0
    slots = [slot["slot"] for slot in holdfast("repo", "key", "list", "--output", "json").json]
    assert holdfast("repo", "key", "remove", slots[0]).status == 0
    assert holdfast("repo", "key", "remove", "named", slots[0]).status == 4
    done = holdfast("repo", "key", "remove", "named", "and", slots[0])
    assert (done.status, done.err) == (
        2,
        f"holdfast: key remove takes one repository and one slot, got 'named and {slots[0]}'\n",
    )
    left = "key" if holdfast("repo", "stats", "--key-file", "key").status == 0 else "other"
    assert holdfast("repo", "rebuild", "--key-file", left).status == 0
    assert holdfast("repo", "key", "rotate", "--key-file", left).status == 0


def test_without_a_repository_the_verbs_of_repo_say_how_to_name_one(holdfast: Run) -> None:
    done = holdfast("repo", "stats")
    assert (done.status, done.err) == (2, "holdfast: no repository: give REPO, or set HOLDFAST_REPO\n")
