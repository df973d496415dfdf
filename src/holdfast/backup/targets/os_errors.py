"""What the operating system's errors mean to a restore into a folder: the end of it, or of one path alone."""

from __future__ import annotations

import errno
import os

from holdfast.errors import StoreDenied, StoreUnavailable

ENDS_THE_RESTORE = {
    errno.ENOSPC: "the disk is full; free space, then restore again",
    errno.EDQUOT: "the disk quota is used up; raise it, then restore again",
    errno.EROFS: "the file system is read-only; choose another target",
    errno.EIO: "the disk failed; choose another target",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine; try again",
}
FOR_THE_PATH_ALONE = {
    errno.ELOOP: "a symbolic link stands where the snapshot has a folder; it is not followed",
    errno.ENOTDIR: "something else stands where the snapshot has a folder",
    errno.EISDIR: "a folder stands where the snapshot has a file",
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted; some things only root can restore",
}


class TargetErrors:
    """A block whose OSErrors become StoreUnavailable, which names the target, or StoreDenied. To be used again."""

    def __init__(self, folder: bytes) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise what the block's OSError or OverflowError means."""
        if isinstance(error, (OSError, OverflowError)):
            if ending := ends_the_restore(error):
                raise StoreUnavailable(f"target {os.fsdecode(self._folder)!r}: {ending}") from error
            raise StoreDenied(reason(error)) from error


def ends_the_restore(error: OSError | OverflowError) -> str | None:
    """Return why no other path of the target can be restored either; None if the error is of one path."""
    return ENDS_THE_RESTORE.get(error.errno or 0) if isinstance(error, OSError) else None


def reason(error: OSError | OverflowError) -> str:
    """Return what went wrong, for a person."""
    if isinstance(error, OverflowError):
        return str(error)
    return FOR_THE_PATH_ALONE.get(error.errno or 0) or (error.strerror or str(error)).lower()
