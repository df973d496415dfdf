"""What the operating system's errors mean to a caller: one table."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from holdfast.errors import HoldfastError, NotFound, StoreDenied, StoreUnavailable

MEANING: Mapping[int, tuple[type[HoldfastError], str]] = {
    errno.ENOENT: (NotFound, "it does not exist"),
    errno.ENOTDIR: (NotFound, "a part of its path is not a folder"),
    errno.ENOSPC: (StoreUnavailable, "the disk is full: free some space, then run it again"),
    errno.EDQUOT: (StoreUnavailable, "the disk quota is used up: free some space, then run it again"),
    errno.EACCES: (StoreDenied, "permission denied: check its owner and mode"),
    errno.EPERM: (StoreDenied, "not permitted: check its owner, mode and the file system"),
    errno.EROFS: (StoreDenied, "the file system is read-only"),
    errno.EIO: (StoreUnavailable, "the disk failed to answer: look at the system's log"),
    errno.ESTALE: (StoreUnavailable, "the network file system lost it: mount it again"),
    errno.EMFILE: (StoreUnavailable, "too many open files: raise the limit (ulimit -n)"),
    errno.ENFILE: (StoreUnavailable, "the system has too many open files"),
    errno.ETIMEDOUT: (StoreUnavailable, "the file system did not answer in time"),
}


@contextmanager
def os_errors(doing: str) -> Iterator[None]:
    """Turn the OSErrors of the block into Holdfast's; `doing` names what was tried."""
    try:
        yield
    except OSError as error:
        kind, advice = MEANING.get(error.errno or 0, (StoreUnavailable, os.strerror(error.errno or 0)))
        raise kind(f"cannot {doing}: {advice}") from error
