"""Giving a restored file its owner, mode, attributes and times, in the order in which none undoes another."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable
from functools import cache, partial

from holdfast.backup.entry import Entry
from holdfast.backup.sources.metadata import KEPT_XATTRS

SET_ID_BITS = stat.S_ISUID | stat.S_ISGID
Warn = Callable[[str], None]
Owner = tuple[int, int]
"""Numbers of user and group."""


class Metadata:
    """Applies an entry's metadata; what the operating system refuses becomes a warning.

    Owners are changed by root alone: by name where this machine knows the name, unless `numeric_owner`. Where the owner
    cannot be given, set-user-id and set-group-id bits are not given either: they would mean another user.
    """

    def __init__(self, *, numeric_owner: bool = False) -> None:
        self._numeric = numeric_owner
        self._may_change_owner = os.geteuid() == 0

    def apply(self, fd: int, entry: Entry, warn: Warn, *, owner: Owner | None = None) -> None:
        """Apply everything to an open file or folder, times last. It is not given to the `owner` that it has."""
        mode = entry.mode
        if not self._own(entry, warn, lambda uid, gid: os.fchown(fd, uid, gid), owner) and mode & SET_ID_BITS:
            status = os.fstat(fd)
            if (status.st_uid, status.st_gid) != (entry.uid, entry.gid):
                mode &= ~SET_ID_BITS
                warn("set-id bits are left out, since its owner cannot be restored")
        self._try(warn, "mode", lambda: os.fchmod(fd, mode))
        for name, value in entry.xattrs:
            if name.startswith(b"user.") or os.fsdecode(name) in KEPT_XATTRS:
                self._try(warn, f"attribute {os.fsdecode(name)!r}", partial(os.setxattr, fd, name, value))
        self._try(warn, "times", lambda: os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns)))

    def apply_by_name(self, name: bytes, folder: int, entry: Entry, warn: Warn) -> None:
        """Apply owner, mode (not a link's, which has none) and times to a link, fifo or device."""
        self._own(entry, warn, lambda uid, gid: os.chown(name, uid, gid, dir_fd=folder, follow_symlinks=False))
        if not entry.target:
            self._try(warn, "mode", lambda: os.chmod(name, entry.mode, dir_fd=folder))
        times = (entry.mtime_ns, entry.mtime_ns)
        self._try(warn, "times", lambda: os.utime(name, ns=times, dir_fd=folder, follow_symlinks=False))

    def _own(self, entry: Entry, warn: Warn, change: Callable[[int, int], None], owner: Owner | None = None) -> bool:
        if not self._may_change_owner:
            return False
        uid = entry.uid if self._numeric else _uid(entry.user, entry.uid)
        gid = entry.gid if self._numeric else _gid(entry.group, entry.gid)
        return (uid, gid) == owner or self._try(warn, "owner", lambda: change(uid, gid))

    @staticmethod
    def _try(warn: Warn, what: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            warn(f"its {what} cannot be restored: {reason.lower()}")
            return False
        return True


@cache
def _uid(name: bytes, default: int) -> int:
    try:
        return pwd.getpwnam(os.fsdecode(name)).pw_uid if name else default
    except (KeyError, ValueError):
        return default


@cache
def _gid(name: bytes, default: int) -> int:
    try:
        return grp.getgrnam(os.fsdecode(name)).gr_gid if name else default
    except (KeyError, ValueError):
        return default
