from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from tests.support.command_line import Run
from tests.support.patience import PATIENCE_SECONDS
from tests.support.trees import Fifo, File, Folder, Link, make, picture

TREE = Folder(
    {
        b"a.txt": File((b"hello",), mode=0o4755),
        b"\xff\n": File((b"odd name",)),
        b"sub": Folder({b"b.txt": File((os.urandom(40_960), 8192))}),
        b"l": Link(b"nowhere"),
        b"p": Fifo(),
    }
)


@pytest.fixture
def repo(holdfast: Run) -> str:
    assert holdfast("repo", "create", "repo").status == 0
    return "repo"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make(TREE, tmp_path / "source")


def test_what_was_backed_up_is_restored(holdfast: Run, repo: str, source: Path, tmp_path: Path) -> None:
    assert holdfast("backup", "source", "--repo", repo).status == 0
    done = holdfast("restore", "latest", "--target", "target", "--repo", repo)
    assert done.status == 0
    assert done.out.startswith("restored 3 files")
    assert picture(tmp_path / "target") == picture(source)


def test_backup_prints_the_figures_of_the_contract(holdfast: Run, repo: str, source: Path) -> None:
    first = holdfast("backup", "source", "--repo", repo, "--output", "json").json
    assert list(first) == [
        "snapshot", "files", "bytes_read", "bytes_added", "bytes_stored", "files_unchanged", "seconds"
    ]  # fmt: skip
    assert (first["files"], first["bytes_read"], len(first["snapshot"])) == (3, 40_973, 32)


def test_ls_shows_every_name_on_one_line(holdfast: Run, repo: str, source: Path) -> None:
    holdfast("backup", "source", "--repo", repo)
    names = [r"\xff\n", "a.txt", "l", "p", "sub", "sub/b.txt"]
    listed = holdfast("ls", "latest", "--repo", repo)
    assert sorted(listed.out.splitlines()) == sorted([str(source), *(f"{source}/{name}" for name in names)])
    assert listed.err == "7 entries\n"
    below = holdfast("ls", "latest:sub", "--repo", repo, "--quiet")
    assert (below.out.splitlines(), below.err) == ([f"{source}/sub", f"{source}/sub/b.txt"], "")
    as_json = holdfast("ls", "latest", "--repo", repo, "--output", "json").json
    assert {os.fsencode(one["path"]) for one in as_json} >= {os.fsencode(source) + b"/\xff\n"}
    long = holdfast("ls", "latest:l", "--repo", repo, "-l").out
    assert long.startswith("lrwxrwxrwx")
    assert long.endswith(f"{source}/l -> nowhere\n")


def test_snapshots_and_diff_tell_what_there_is(holdfast: Run, repo: str, source: Path) -> None:
    first = holdfast("backup", "source", "--repo", repo, "--tag", "x", "--host", "h", "--output", "json").json
    (source / "a.txt").write_bytes(b"changed")
    (source / "new").write_bytes(b"")
    holdfast("backup", "source", "--repo", repo)

    listed = holdfast("snapshots", "--repo", repo, "--output", "json").json
    assert [one["tags"] for one in listed] == [[], ["x"]]
    assert listed[1]["snapshot"] == first["snapshot"]
    assert listed[1]["sources"] == [str(source)]
    assert len(holdfast("snapshots", "--repo", repo, "--host", "h").out.splitlines()) == 2

    changed = holdfast("diff", first["snapshot"][:12], "latest", "--repo", repo)
    assert changed.out.splitlines() == [f"U {source}", f"M {source}/a.txt", f"+ {source}/new"]
    assert changed.err == "1 added, 1 content, 1 metadata\n"
    rows = holdfast("diff", first["snapshot"], "latest", "--repo", repo, "--output", "json").json["differences"]
    assert [row["change"] for row in rows] == ["metadata", "content", "added"]


def test_excluded_names_and_the_repository_itself_are_left_out(holdfast: Run, repo: str, source: Path) -> None:
    (source.parent / "repo" / "marker").write_bytes(b"")
    holdfast("backup", ".", "--repo", repo, "--exclude", "*.txt", "--exclude", "p")
    listed = holdfast("ls", "latest", "--repo", repo).out
    assert "repo" not in listed.replace(str(source.parent), "")
    assert ".txt" not in listed
    assert "/source/sub" in listed


def test_an_unreadable_file_gives_a_snapshot_and_status_1(
    holdfast: Run, repo: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refused(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if path == b"a.txt":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        done = holdfast("backup", "source", "--repo", repo)
    assert done.status == 1
    assert f"skipped: {source}/a.txt: permission denied" in done.err.splitlines()
    assert "(incomplete)" in holdfast("snapshots", "--repo", repo).out


BAD = [
    (["backup", "none", "--repo", "repo"], 3, "does not exist"),
    (["backup", "--repo", "repo"], 2, "Missing argument"),
    (["backup", "source", "--repo", "nowhere"], 4, "no repository"),
    (["backup", "source", "--repo", "repo", "--tag", ""], 2, "tag must be"),
    (["backup", "source", "--repo", "repo", "--exclude", "[z-a]"], 2, "pattern"),
    (["backup", "source"], 2, "--repo"),
    (["snapshots", "--repo", "nowhere"], 4, "no repository"),
    (["ls", "latest", "--repo", "repo"], 4, "holds no snapshot"),
    (["ls", "zz", "--repo", "repo"], 2, "hex digits"),
    (["ls", "ab", "--repo", "repo"], 4, "no snapshot 'ab'"),
    (["restore", "latest", "--target", "t", "--repo", "repo"], 4, "holds no snapshot"),
    (["restore", "latest", "--repo", "repo"], 2, "--target"),
    (["restore", "latest", "--target", "", "--repo", "repo"], 2, "empty name"),
    (["repo", "create", "repo"], 6, "already"),
    (["repo", "key", "remove", "repo", "nope"], 4, "nope"),
    (["snapshots", "--repo", "repo", "--password-file", "none"], 2, "cannot be read"),
    (["snapshots", "--repo", "repo", "--password-file", "wrong"], 5, "password"),
    (["snapshots", "--repo", "repo", "--password-file", "empty"], 2, "empty"),
]


@pytest.mark.parametrize(("arguments", "status", "text"), BAD, ids=[" ".join(line[0]) for line in BAD])
def test_a_mistake_is_one_clear_line_and_its_status(
    holdfast: Run, repo: str, source: Path, arguments: list[str], status: int, text: str
) -> None:
    Path("wrong").write_text("wrong\n")
    Path("empty").write_text("\n")
    done = holdfast(*arguments)
    assert (done.status, done.out) == (status, "")
    assert text in done.err
    assert len([line for line in done.err.splitlines() if line.startswith(("holdfast:", "Error:"))]) == 1
    assert "Traceback" not in done.err
    assert not Path("nowhere").exists()
    assert not Path("t").exists()


def test_a_target_that_is_not_empty_needs_overwrite(holdfast: Run, repo: str, source: Path, tmp_path: Path) -> None:
    holdfast("backup", "source", "--repo", repo)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.txt").write_bytes(b"mine")
    refused = holdfast("restore", "latest", "--target", "t", "--repo", repo)
    assert (refused.status, (tmp_path / "t" / "a.txt").read_bytes()) == (2, b"mine")
    assert holdfast("restore", "latest", "--target", "t", "--repo", repo, "--overwrite").status == 0
    assert (tmp_path / "t" / "a.txt").read_bytes() == b"hello"


def test_a_path_that_is_not_in_the_snapshot_is_status_4(holdfast: Run, repo: str, source: Path) -> None:
    holdfast("backup", "source", "--repo", repo)
    done = holdfast("restore", "latest:none", "--target", "t", "--repo", repo)
    assert (done.status, Path("t").exists()) == (4, False)


def test_a_damaged_pack_costs_the_files_it_holds_and_status_1(holdfast: Run, repo: str, source: Path) -> None:
    holdfast("backup", "source", "--repo", repo)
    spoil_largest_pack()
    done = holdfast("restore", "latest", "--target", "t", "--repo", repo, "--output", "json")
    assert done.status == 1
    assert done.json["failed_count"] >= 1
    assert len([line for line in done.err.splitlines() if line.startswith("not restored:")]) >= 1
    assert done.json["files"] + done.json["failed_count"] == 3


def test_without_a_key_and_a_terminal_it_says_what_to_do(
    holdfast: Run, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDFAST_PASSWORD")
    done = holdfast("snapshots", "--repo", repo)
    assert (done.status, done.err) == (
        2,
        "holdfast: no key: set HOLDFAST_PASSWORD or HOLDFAST_KEY_FILE, or give --password-file or --key-file\n",
    )


def test_a_listing_that_nobody_reads_to_its_end_is_ended_without_a_word(repo: str, source: Path, holdfast: Run) -> None:
    for number in range(2000):
        (source / f"a name that fills the pipe, {number}").touch()
    holdfast("backup", "source", "--repo", repo)
    command = [sys.executable, "-m", "holdfast", "ls", "latest", "--repo", repo]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == os.fsencode(source) + b"\n"
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (-signal.SIGPIPE, b"")


def test_verify_tells_damage_with_the_files_it_costs(holdfast: Run, repo: str, source: Path) -> None:
    holdfast("backup", "source", "--repo", repo)
    good = holdfast("verify", "--repo", repo, "--read-data", "--output", "json")
    assert good.status == 0
    assert list(good.json) == ["ok", "snapshots", "packs", "chunks", "bytes_read", "damage"]
    assert (good.json["ok"], good.json["snapshots"], good.json["damage"]) == (True, 1, [])
    assert good.json["bytes_read"] > 40_000
    spoil_largest_pack()

    assert holdfast("verify", "--repo", repo).status == 0
    for arguments in (["--read-data"], ["--sample", "100%"]):
        found = holdfast("verify", "--repo", repo, *arguments)
        assert found.status == 1
        assert f"packs/{largest_pack().parent.name}/{largest_pack().name}" in found.out
        assert "file: " in found.out
    damage = holdfast("verify", "--repo", repo, "--read-data", "--output", "json").json["damage"]
    assert [list(one) for one in damage] == [["object", "what", "snapshots", "files"]]
    assert holdfast("verify", "--repo", repo, "--read-data", "--sample", "5%").status == 2
    assert holdfast("verify", "--repo", repo, "--sample", "0%").status == 2


def largest_pack() -> Path:
    return max(Path("repo/packs").rglob("*/*"), key=lambda path: path.stat().st_size)


def spoil_largest_pack() -> None:
    data = bytearray(largest_pack().read_bytes())
    data[20] ^= 1
    largest_pack().chmod(0o600)
    largest_pack().write_bytes(data)


def test_forget_and_prune_show_the_plan_before_they_act(holdfast: Run, repo: str, source: Path) -> None:
    for n in range(3):
        (source / "random").write_bytes(os.urandom(300_000))
        holdfast("backup", "source", "--repo", repo, "--tag", str(n))
    stored = holdfast("repo", "stats", repo, "--output", "json").json["packs_bytes"]

    plan = holdfast("forget", "--keep-last", "1", "--repo", repo)
    assert plan.err == "2 snapshots would be forgotten; --apply does it\n"
    assert len(holdfast("snapshots", "--repo", repo, "--output", "json").json) == 3
    done = holdfast("forget", "--keep-last", "1", "--repo", repo, "--apply", "--output", "json").json
    assert (done["applied"], len(done["keep"]), len(done["forget"])) == (True, 1, 2)
    assert len(holdfast("snapshots", "--repo", repo, "--output", "json").json) == 1

    assert "nothing was changed" in holdfast("prune", "--repo", repo).err
    planned = holdfast("prune", "--repo", repo, "--output", "json").json
    assert holdfast("repo", "stats", repo, "--output", "json").json["packs_bytes"] == stored
    pruned = holdfast("prune", "--repo", repo, "--apply", "--output", "json").json
    assert (planned["applied"], pruned["applied"]) == (False, True)
    assert pruned["bytes_deleted"] > 300_000
    assert holdfast("repo", "stats", repo, "--output", "json").json["packs_bytes"] < stored - 300_000
    assert holdfast("verify", "--read-data", "--repo", repo).status == 0


def test_forget_prunes_at_once_only_when_it_applies(holdfast: Run, repo: str, source: Path) -> None:
    for _ in range(3):
        (source / "random").write_bytes(os.urandom(300_000))
        holdfast("backup", "source", "--repo", repo)
    stored = holdfast("repo", "stats", repo, "--output", "json").json["packs_bytes"]
    assert "prune" not in holdfast("forget", "--keep-last", "1", "--prune", "--repo", repo, "--output", "json").json
    done = holdfast("forget", "--keep-last", "1", "--apply", "--prune", "--repo", repo, "--output", "json").json
    assert done["prune"]["applied"]
    assert done["prune"]["bytes_deleted"] > 300_000
    assert holdfast("repo", "stats", repo, "--output", "json").json["packs_bytes"] < stored - 300_000


def test_forget_needs_a_rule(holdfast: Run, repo: str) -> None:
    refused = holdfast("forget", "--repo", repo, "--apply")
    assert (refused.status, "no retention rule" in refused.err) == (2, True)
    assert holdfast("forget", "--keep-within", "soon", "--repo", repo).status == 2
    assert holdfast("forget", "--keep-within", "30d", "--repo", repo).status == 0


def test_forget_drops_exactly_the_snapshots_named(holdfast: Run, repo: str, source: Path) -> None:
    made = [holdfast("backup", "source", "--repo", repo, "--output", "json").json["snapshot"] for _ in range(3)]
    plan = holdfast("forget", made[0], made[1], made[0], "--repo", repo)
    assert plan.out.count("named") == 2
    assert len(holdfast("snapshots", "--repo", repo, "--output", "json").json) == 3
    assert holdfast("forget", *made[:2], "--apply", "--repo", repo).status == 0
    assert [one["snapshot"] for one in holdfast("snapshots", "--repo", repo, "--output", "json").json] == made[2:]
    assert holdfast("forget", made[0], "--apply", "--repo", repo).status == 4
    both = holdfast("forget", made[2], "--keep-last", "1", "--repo", repo)
    assert (both.status, both.err) == (2, "holdfast: name snapshots, or give rules: not both\n")


@pytest.mark.parametrize("leaves_empty_file", [False, True])
def test_a_lost_catalogue_is_rebuilt(
    holdfast: Run, repo: str, source: Path, tmp_path: Path, leaves_empty_file: bool
) -> None:
    holdfast("backup", "source", "--repo", repo)
    for part in Path(repo).glob("catalogue*"):
        part.unlink()
    if leaves_empty_file:
        (Path(repo) / "catalogue.sqlite").touch()
    for verb in (["snapshots"], ["prune", "--apply"], ["backup", "source"], ["verify"]):
        refused = holdfast(*verb, "--repo", repo)
        assert (refused.status, refused.out) == (1, "")
        assert refused.err == "holdfast: the catalogue of 'repo' is missing; run `holdfast repo rebuild repo`\n"
    rebuilt = holdfast("repo", "rebuild", repo, "--output", "json")
    assert (rebuilt.status, rebuilt.json["snapshots"], rebuilt.json["damaged"]) == (0, 1, [])
    assert holdfast("restore", "latest", "--target", "t", "--repo", repo).status == 0
    assert picture(tmp_path / "t") == picture(source)


def test_keys_are_added_listed_and_removed(holdfast: Run, repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = holdfast("repo", "key", "list", repo, "--output", "json").json
    Path("new").write_text("another\n")
    added = holdfast("repo", "key", "add", repo, "--new-password-file", "new", "--output", "json").json
    assert len(holdfast("repo", "key", "list", repo).out.splitlines()) == 3
    assert holdfast("snapshots", "--repo", repo, "--password-file", "new").status == 0
    assert holdfast("repo", "key", "remove", repo, first["slot"]).status == 0
    assert holdfast("snapshots", "--repo", repo).status == 5
    assert holdfast("snapshots", "--repo", repo, "--password-file", "new").status == 0
    assert holdfast("repo", "key", "remove", repo, added["slot"]).status != 0


def test_two_prunes_at_once_are_refused_as_busy(
    holdfast: Run, repo: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    other = SqliteCatalogue(Path(repo) / "catalogue.sqlite")
    other.lock("prune", "someone else", now + timedelta(minutes=5), now)
    other.close()
    busy = holdfast("prune", "--apply", "--repo", repo)
    assert (busy.status, len(busy.err.splitlines())) == (6, 1)


def on_a_terminal(folder: Path, answers: list[bytes | signal.Signals], *arguments: str) -> tuple[int, bytes]:
    """Run a command line on a terminal, answer its prompts, or send a signal; return its status and what it showed."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-c", "from holdfast.cli.main import main; main()", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as process:
        os.close(end)
        shown, asked = b"", b""
        with suppress(OSError):  # raised when the last end of the terminal closes
            while piece := os.read(terminal, 1024):
                shown += piece
                asked += piece
                if answers and asked.rstrip(b" ").endswith(b":"):
                    asked, answer = b"", answers.pop(0)
                    if isinstance(answer, signal.Signals):
                        process.send_signal(answer)
                    else:
                        os.write(terminal, answer + b"\n")
        os.close(terminal)
        return process.wait(PATIENCE_SECONDS), shown


def test_the_password_is_asked_for_on_a_terminal(tmp_path: Path) -> None:
    status, shown = on_a_terminal(tmp_path, [b"sesame", b"sesame"], "repo", "create", "repo")
    assert (status, b"sesame" in shown) == (0, False)
    assert on_a_terminal(tmp_path, [b"sesame"], "snapshots", "--repo", "repo")[0] == 0
    assert on_a_terminal(tmp_path, [b"wrong"], "snapshots", "--repo", "repo")[0] == 5


@pytest.mark.parametrize("answers", [[signal.SIGINT], [b"sesame", signal.SIGTERM]])
def test_a_creation_interrupted_at_its_prompt_leaves_no_folder(
    tmp_path: Path, answers: list[bytes | signal.Signals]
) -> None:
    status, shown = on_a_terminal(tmp_path, answers, "repo", "create", "new/deep/repo")
    assert (status, shown.split(b"\r\n")[-2]) == (130, b"holdfast: interrupted")
    assert list(tmp_path.iterdir()) == []


def test_a_creation_without_a_key_leaves_what_was_there_and_no_more(
    holdfast: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDFAST_PASSWORD")
    (tmp_path / "mine").mkdir()
    for repo in ("mine", "mine/new"):
        assert holdfast("repo", "create", repo).status == 2
    assert (list(tmp_path.iterdir()), list((tmp_path / "mine").iterdir())) == ([tmp_path / "mine"], [])


def test_a_full_disk_is_status_3_and_costs_no_acknowledged_snapshot(
    holdfast: Run, repo: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdfast("backup", "source", "--repo", repo)
    before = picture(source)
    (source / "new").write_bytes(os.urandom(100_000))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        full = holdfast("backup", "source", "--repo", repo)
    assert (full.status, full.out) == (3, "")
    assert "the disk is full" in full.err
    assert len(full.err.splitlines()) == 1
    assert holdfast("verify", "--read-data", "--repo", repo).status == 0
    assert holdfast("restore", "latest", "--target", "t", "--repo", repo).status == 0
    assert picture(tmp_path / "t") == before
    assert holdfast("backup", "source", "--repo", repo).status == 0


def full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


INTERRUPTED = """
import os, signal, sys
from holdfast.backup.writer import ChunkWriter
from holdfast.cli.main import main
number = getattr(signal, sys.argv.pop(1))
ChunkWriter.flush = lambda self: os.kill(os.getpid(), number)
main()
"""


NOT_INTERRUPTED = """
import os, signal, sys
from holdfast.backup.writer import ChunkWriter
from holdfast.cli.main import main
number = getattr(signal, sys.argv.pop(1))
flush = ChunkWriter.flush
ChunkWriter.flush = lambda self: (os.kill(os.getpid(), number), flush(self))[1]
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_backup_is_one_line_and_leaves_nothing_at_work(
    holdfast: Run, repo: str, source: Path, name: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, name, "backup", "source", "--repo", repo],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "holdfast: interrupted; what is stored stays: back up again to go on\n"
    catalogue = SqliteCatalogue(Path(repo) / "catalogue.sqlite")
    assert (catalogue.active(), catalogue.completed()) == ([], [])
    assert [record.figures["reason"] for record in catalogue.ended()] == ["interrupted"]
    catalogue.close()


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_that_was_ignored_when_it_started_is_ignored(
    holdfast: Run, repo: str, source: Path, name: str
) -> None:
    number = getattr(signal, name)
    done = subprocess.run(
        [sys.executable, "-c", NOT_INTERRUPTED, name, "backup", "source", "--repo", repo],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    assert (done.returncode, done.stdout.startswith("snapshot "), done.stderr) == (0, True, "")


def test_the_repository_may_come_from_the_environment_and_a_flag_overrules_it(
    holdfast: Run, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdfast("repo", "create", "repo")
    monkeypatch.setenv("HOLDFAST_REPO", "repo")
    for _ in range(2):
        assert holdfast("backup", "source").status == 0
    assert holdfast("diff", "latest", "latest").status == 0
    assert len(holdfast("snapshots", "--output", "json").json) == 2
    assert holdfast("snapshots", "--repo", "elsewhere").status == 4
    monkeypatch.setenv("HOLDFAST_REPO", "")
    refused = holdfast("snapshots")
    assert (refused.status, refused.err) == (2, "holdfast: no repository: give --repo REPO, or set HOLDFAST_REPO\n")
