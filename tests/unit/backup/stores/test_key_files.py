"""Key files on disk: who may read them, and that none is ever replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from holdfast.backup.ids import RepositoryId
from holdfast.backup.stores.key_files import make_key_file, read_key_file
from holdfast.errors import InvalidRequest

REPOSITORY = RepositoryId("a" * 32)
MASTER = bytes(range(32))


def test_a_new_key_file_is_its_owners_alone_and_opens_what_it_wrapped(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        slot = make_key_file(tmp_path / "key").wrap(MASTER, REPOSITORY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert read_key_file(tmp_path / "key").unwrap(slot, REPOSITORY) == MASTER


def test_a_file_that_exists_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("mine")
    with pytest.raises(InvalidRequest, match="cannot be made: File exists"):
        make_key_file(tmp_path / "key")
    assert (tmp_path / "key").read_text() == "mine"


def test_two_new_keys_are_two_keys(tmp_path: Path) -> None:
    make_key_file(tmp_path / "a")
    make_key_file(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InvalidRequest, match="cannot be made: No space left on device"):
        make_key_file(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o700 | 0o001])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(InvalidRequest, match=rf"\(mode {mode:04o}\)"):
        read_key_file(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_key_that_is_its_owners_is_taken(tmp_path: Path, mode: int) -> None:
    make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    read_key_file(tmp_path / "key")


def test_the_key_of_another_user_is_theirs_to_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key handed in by the system, root's and readable by a group, as a container's secrets are."""
    make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(0o440)
    monkeypatch.setattr(os, "getuid", lambda: (tmp_path / "key").stat().st_uid + 1)
    read_key_file(tmp_path / "key")


def test_a_pipe_is_taken() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"holdfast-key-1 nonsense\n")
    os.close(writing)
    with pytest.raises(InvalidRequest, match="is damaged"):
        read_key_file(Path(f"/dev/fd/{reading}"))
    os.close(reading)


def test_a_file_without_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4711)  # whose file anyone may read, so that it is read at all
    with pytest.raises(InvalidRequest, match="no key file"):
        read_key_file(Path("/dev/zero"))


def test_a_missing_file_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            read_key_file(path)
