"""What a folder holds, looked at once, and a signature that is the same while none of it has changed."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from blake3 import blake3

from holdfast.backup.sources import Counted
from holdfast.backup.sources.metadata import may_hide_a_change, names_of_owner
from holdfast.backup.wire import pack

MOST_LISTED = 4096
"""Larger folders have no signature, so that memory stays bounded: what is in them is compared one by one."""
SIGNATURE_BYTES = 16
NAMES = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
"""How Python spells names that are bytes; `os.fsencode` takes four times as long."""
NUMBERS = attrgetter(
    "st_mode", "st_uid", "st_gid", "st_nlink", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_rdev"
)
Child = tuple[bytes, os.stat_result | None]
Keep = Callable[[bytes, os.stat_result], bool]


class Listing(NamedTuple):
    """A folder's children in byte order, each with its status unless it has to be looked at again.

    `signature` is empty where a later change could escape notice. It covers every child's name, kind, mode, owner,
    size, times, inode and device; of a folder the name alone.
    """

    children: list[Child]
    signature: bytes
    counted: Counted


def list_folder(fd: int, keep: Keep | None, now_ns: int) -> Listing:
    """List the folder without what `keep`, if given, refuses; `now_ns` is the time just before.

    Raises:
        OSError: it cannot be listed.
    """
    with os.scandir(fd) as found:
        entries = list(found)
    if len(entries) > MOST_LISTED:
        names = sorted({entry.name.encode(*NAMES) for entry in entries})
        return Listing([(name, None) for name in names], b"", Counted())
    seen: dict[bytes, os.stat_result | None] = {}
    is_sure = True
    for entry in entries:
        name = entry.name.encode(*NAMES)
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            seen[name], is_sure = None, False  # whoever looks again will tell why
            continue
        if keep is None or keep(name, status):
            seen[name] = status
    children = sorted(seen.items())
    signature, counted = _signed(children, now_ns) if is_sure else (b"", Counted())
    return Listing(children, signature, counted)


def _signed(children: Sequence[tuple[bytes, Any]], now_ns: int) -> tuple[bytes, Counted]:
    folders, rows = [], []
    newest = files = size = 0
    owners = set()
    for name, status in children:
        numbers = NUMBERS(status)
        mode, uid, gid, _, bytes_, _, changed, _, _ = numbers
        if stat.S_ISDIR(mode):
            folders.append(name)
            continue
        rows.append((name, numbers))
        owners.add((uid, gid))
        if changed > newest:
            newest = changed
        if stat.S_ISREG(mode):
            files += 1
            size += bytes_
    if may_hide_a_change(newest, now_ns):
        return b"", Counted()
    try:
        signature = blake3(pack((folders, rows, sorted(names_of_owner(*owner) for owner in owners))))
    except OverflowError:  # a time of more than 64 bits: in nanoseconds, after 2554 or before 1677
        return b"", Counted()
    return signature.digest(SIGNATURE_BYTES), Counted(files, len(rows) - files, len(folders), size)
