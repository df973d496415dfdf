from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.cli.progress import ProgressLine
from holdfast.cli.text import shown_count, shown_entry, shown_path, shown_size, shown_time, table


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/a b/\xc3\xa4", "/a b/ä"),
        (b"/\xff\xfe", r"/\xff\xfe"),
        (b"/new\nline", r"/new\nline"),
        (b"/\x1b[31mred", r"/\x1b[31mred"),
        ("/‮rtl".encode(), r"/\u202ertl"),
    ],
)
def test_a_path_is_always_one_line_without_codes(path: bytes, shown: str) -> None:
    assert shown_path(path) == shown


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB"), (1 << 62, "4096.0 PiB")]
)
def test_sizes_are_binary(size: int, shown: str) -> None:
    assert shown_size(size) == shown


def test_counts_and_times_and_tables_read_well() -> None:
    assert (shown_count(1, "file"), shown_count(0, "file")) == ("1 file", "0 files")
    assert shown_time(datetime(2026, 11, 21, 4, 5, 6, tzinfo=UTC)) == "2026-11-21 04:05:06Z"
    assert table([("A", "LONG"), ("wide", "x")]) == "A     LONG\nwide  x"


def test_an_entry_reads_as_ls_writes_it() -> None:
    entry = Entry(
        name=b"l", kind=EntryKind.SYMLINK, mode=0o777, uid=0, user=b"root", gid=7, target=b"x\n", mtime_ns=10**18
    )
    assert shown_entry(entry, b"/l") == ("lrwxrwxrwx root     7                   0 2001-09-09 01:46:40Z /l -> x\\n")
    assert "out of range" in shown_entry(Entry(name=b"f", kind=EntryKind.FILE, mtime_ns=2**80), b"/f")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_only() -> None:
    assert not ProgressLine(io.StringIO()).is_on
    assert not ProgressLine(Terminal(), quiet=True).is_on
    assert ProgressLine(Terminal()).is_on


def test_progress_shows_at_most_five_lines_a_second_and_clears() -> None:
    now = [0.0]
    stream = Terminal()
    line = ProgressLine(stream, seconds=lambda: now[0])
    for step in range(100):
        now[0] = step / 100
        line.show(step, step * 1024, b"/path")
    assert stream.getvalue().count("\r") == 4
    assert "KiB/s" in stream.getvalue()
    line.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


ACCENTED = "e\N{COMBINING ACUTE ACCENT}"


@pytest.mark.parametrize("name", ["plain" * 20, "圖片" * 20, ACCENTED * 40, ("a圖" + ACCENTED) * 20])
@pytest.mark.parametrize("columns", [10, 41, 42])
def test_progress_fits_into_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, name: str, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    now = [0.0]
    stream = Terminal()
    line = ProgressLine(stream, seconds=lambda: now[0])
    now[0] = 1.0
    line.show(1, 1024, name.encode(), share=0.5)
    shown = stream.getvalue().removeprefix("\r").removesuffix("\x1b[K")
    wide = sum(letter in "圖片" for letter in shown)
    assert columns - 2 <= len(shown) - shown.count(ACCENTED[1]) + wide <= columns - 1


def test_a_name_in_a_table_cannot_steer_the_terminal_or_add_a_line() -> None:
    printed = table([("USER", "SIZE"), ("a\x1b[2Jb\nc", "1 B")])
    assert printed.splitlines()[1].split() == ["a\\x1b[2Jb\\nc", "1", "B"]
    assert len(printed.splitlines()) == 2
