"""What people read: sizes, times and paths on one line, whatever bytes a name holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.backup.entry import Entry

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def shown_path(path: bytes) -> str:
    r"""Return the path with control characters and bytes that are not UTF-8 as `\xNN`: one line, never a code."""
    return shown_text(path.decode("utf-8", "backslashreplace"))


def shown_text(text: str) -> str:
    r"""Return the text with control characters as `\xNN`: one line, never a code."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown_size(size: float) -> str:
    """Return a size in binary units, three digits or so."""
    for unit in UNITS[:-1]:
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {UNITS[-1]}"


def shown_time(time: datetime) -> str:
    """Return a UTC time to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def shown_count(count: int, one: str, many: str | None = None) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"


def shown_entry(entry: Entry, path: bytes) -> str:
    """Return a line as `ls -l` writes it, with UTC time."""
    kinds = {"f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK, "p": stat.S_IFIFO, "c": stat.S_IFCHR}
    mode = stat.filemode(kinds.get(entry.kind.value, stat.S_IFBLK) | entry.mode)
    owner = shown_path(entry.user) or str(entry.uid)
    group = shown_path(entry.group) or str(entry.gid)
    arrow = f" -> {shown_path(entry.target)}" if entry.target else ""
    return f"{mode} {owner:8} {group:8} {entry.size:>12} {_time_of(entry)} {shown_path(path)}{arrow}"


def _time_of(entry: Entry) -> str:
    try:
        return shown_time(datetime.fromtimestamp(entry.mtime_ns // 10**9, UTC))
    except (ValueError, OverflowError, OSError):
        return "a time out of range "


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as columns, a line each whatever the cells hold; the first row is the heading."""
    shown = [[shown_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in shown
    )


def json_path(path: bytes) -> str:
    """Return the path as text that `os.fsencode` turns back into the same bytes."""
    return os.fsdecode(path)
