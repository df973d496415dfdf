"""What the operating system says of a file, as an entry."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from functools import cache

from blake3 import blake3

from holdfast.backup.entry import MAX_XATTR_BYTES, Entry, EntryKind

KINDS = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.DIRECTORY,
    stat.S_IFLNK: EntryKind.SYMLINK,
    stat.S_IFIFO: EntryKind.FIFO,
    stat.S_IFCHR: EntryKind.CHARACTER_DEVICE,
    stat.S_IFBLK: EntryKind.BLOCK_DEVICE,
}
DEVICES = (EntryKind.CHARACTER_DEVICE, EntryKind.BLOCK_DEVICE)
KEPT_XATTRS = ("system.posix_acl_access", "system.posix_acl_default", "security.capability")
TICK_NS = 20_000_000
"""Two changes this close may carry the same time: Linux stamps files once per scheduler tick, at most 10 ms."""
COARSE_TICK_NS = 2_000_000_000
"""The same for file systems that keep whole seconds only (the coarsest, FAT, keeps every second one)."""

REASONS = {
    errno.ENOENT: "it vanished",
    errno.ENOTDIR: "it vanished",
    errno.ESTALE: "it vanished",
    errno.ELOOP: "it became a symbolic link",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}

Xattrs = tuple[tuple[bytes, bytes], ...]
Stamp = tuple[int, int, int, int]


def reason(error: OSError) -> str:
    """Say in a few words why something of a source could not be read."""
    return REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def entry_of(name: bytes, status: os.stat_result, *, xattrs: Xattrs = (), is_settled: bool = True) -> Entry | None:
    """Return the entry without what needs more calls (target, attributes unless given); None for a socket.

    A file that is not settled has no fingerprint.
    """
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    is_file, is_directory = kind is EntryKind.FILE, kind is EntryKind.DIRECTORY
    return Entry(
        name=name,
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        user=_user(status.st_uid),
        group=_group(status.st_gid),
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if is_file else 0,
        device=status.st_rdev if kind in DEVICES else 0,
        link=_digest(b"%d %d" % (status.st_dev, status.st_ino)) if status.st_nlink > 1 and not is_directory else b"",
        fingerprint=fingerprint(status) if is_file and is_settled else b"",
        xattrs=xattrs,
    )


def names_of_owner(uid: int, gid: int) -> bytes:
    """Return the names that this machine has for an owner, as one token."""
    return _user(uid) + b"\0" + _group(gid)


def fingerprint(status: os.stat_result) -> bytes:
    """Return 12 bytes that change when the file's bytes, attributes or inode do."""
    return _digest(b"%d %d %d %d" % stamp(status))


def stamp(status: os.stat_result) -> Stamp:
    """Return what a fingerprint is made of: cheaper to compare while both are at hand."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def may_hide_a_change(ctime_ns: int, now_ns: int) -> bool:
    """Say whether a change right after `now_ns` could leave a change time, which no one can set, as it is."""
    whole_seconds = ctime_ns % 1_000_000_000 == 0
    return now_ns - ctime_ns < (COARSE_TICK_NS if whole_seconds else TICK_NS)


def read_xattrs(fd: int) -> tuple[Xattrs, str | None]:
    """Return the extended attributes a backup keeps, sorted, and what had to be left out, if anything."""
    try:
        names = [name for name in os.listxattr(fd) if name.startswith("user.") or name in KEPT_XATTRS]
        if not names:
            return (), None
        pairs = tuple(sorted((os.fsencode(name), os.getxattr(fd, name)) for name in names))
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return (), None
        return (), f"its extended attributes cannot be read: {reason(error)}"
    if sum(len(name) + len(value) for name, value in pairs) > MAX_XATTR_BYTES:
        return (), f"its extended attributes exceed {MAX_XATTR_BYTES} bytes and are left out"
    return pairs, None


def _digest(numbers: bytes) -> bytes:
    return blake3(numbers).digest(12)


@cache
def _user(uid: int) -> bytes:
    try:
        return os.fsencode(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return b""


@cache
def _group(gid: int) -> bytes:
    try:
        return os.fsencode(grp.getgrgid(gid).gr_name)
    except (KeyError, OverflowError):
        return b""
