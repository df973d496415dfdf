"""What a folder holds, looked at once, and a signature that is the same while none of it has changed."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from typing import NamedTuple

from blake3 import blake3

from holdfast.backup.sources import Counted
from holdfast.backup.sources.metadata import may_hide_a_change, names_of_owner

MOST_LISTED = 4096
"""Larger folders have no signature, so that memory stays bounded: what is in them is compared one by one."""
SIGNATURE_BYTES = 16
NUMBERS = struct.Struct("<IIIQQqqQQ")
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


def list_folder(fd: int, keep: Keep, now_ns: int) -> Listing:
    """List the folder without what `keep` refuses; `now_ns` is the time just before.

    Raises:
        OSError: it cannot be listed.
    """
    with os.scandir(fd) as found:
        entries = list(found)
    if len(entries) > MOST_LISTED:
        names = sorted({os.fsencode(entry.name) for entry in entries})
        return Listing([(name, None) for name in names], b"", Counted())
    seen = {os.fsencode(entry.name): _status(entry) for entry in entries}
    return _signed(
        [(name, seen[name]) for name in sorted(seen) if (at := seen[name]) is None or keep(name, at)], now_ns
    )


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None  # whoever looks again will tell why


def _signed(children: list[Child], now_ns: int) -> Listing:
    records: list[bytes] = []
    newest = files = others = folders = size = 0
    owners = set()
    for name, status in children:
        if status is None:
            return Listing(children, b"", Counted())
        mode = status.st_mode
        if stat.S_ISDIR(mode):
            folders += 1
            records.append(name + b"/")
            continue
        if stat.S_ISREG(mode):
            files += 1
            size += status.st_size
        else:
            others += 1
        newest = max(newest, status.st_ctime_ns)
        owners.add((status.st_uid, status.st_gid))
        records.append(
            name
            + b"\0"
            + NUMBERS.pack(
                mode,
                status.st_uid,
                status.st_gid,
                status.st_nlink,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
                status.st_rdev,
            )
        )
    if may_hide_a_change(newest, now_ns):
        return Listing(children, b"", Counted())
    records += sorted(names_of_owner(*owner) for owner in owners)
    lengths = struct.pack(f"<{len(records)}I", *map(len, records))  # so that no two lists of records look alike
    digest = blake3(lengths + b"".join(records)).digest(SIGNATURE_BYTES)
    return Listing(children, digest, Counted(files, others, folders, size))
