"""A source of files and folders: read by descriptor, links never followed, changes noticed."""
# ruff: noqa: PTH100, PTH116, PTH119 - names are bytes, which pathlib cannot hold

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from holdfast.backup.entry import EntryKind, Path
from holdfast.backup.folders import FolderStack, LastFolder
from holdfast.backup.sources import MayReuse, Skipped, SourceEntry, path_of
from holdfast.backup.sources.exclude import CACHE_TAG, Exclude, is_cache
from holdfast.backup.sources.listing import Child, Keep, list_folder
from holdfast.backup.sources.metadata import entry_of, may_hide_a_change, read_xattrs, reason
from holdfast.backup.sources.open_file import OpenedFile
from holdfast.errors import SourceUnreadable, StoreUnavailable

if TYPE_CHECKING:
    from holdfast.backup.sources.scout import Scouts, Share, Tell

OPEN_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
MANY_FOLDERS = 100
"""From here on other processes look ahead: listing so many takes as long as forking them, 3 to 5 ms."""
MANY_OTHERS = 10_000
"""What is no folder is not counted any further: 5 ms."""
Found = SourceEntry | Skipped
MOVED = "it was moved while it was read, and not all that is in it had been"


class DirectorySource:
    """Files and folders of this machine. A root that is itself a symbolic link is followed; no other link is.

    Args:
        paths: the roots; made absolute.
        one_file_system: stay on each root's file system; mount points are kept as empty folders.
        exclude_caches: of a folder tagged as a cache keep the tag alone.
        avoid: (device, inode) of folders to leave out, such as the repository itself.
        now_ns: the time in nanoseconds, from the clock that stamps the files.
    """

    def __init__(
        self,
        paths: Sequence[bytes],
        *,
        exclude: Exclude | None = None,
        one_file_system: bool = False,
        exclude_caches: bool = False,
        avoid: Collection[tuple[int, int]] = (),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._paths = tuple(sorted(set(map(_absolute, paths))))
        self._exclude = exclude or Exclude()
        self._one_file_system = one_file_system
        self._exclude_caches = exclude_caches
        self._avoid = frozenset(avoid)
        self._now_ns = now_ns
        self._at: _Place | None = None
        self._reached = LastFolder()
        self._may_reuse: MayReuse | None = None
        self._scouts: Scouts | None = None
        self._told: tuple[Share, Tell] | None = None

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The roots, absolute, sorted."""
        return self._paths

    def check(self) -> None:
        """Raise SourceUnreadable if a root does not exist or cannot be opened."""
        if not self._paths:
            raise SourceUnreadable("no source given; name at least one file or folder")
        for path in self._paths:
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            except OSError as error:
                text = "it does not exist" if isinstance(error, FileNotFoundError) else reason(error)
                raise SourceUnreadable(f"source {os.fsdecode(path)!r} cannot be read: {text}; name another") from error

    def look_ahead(self, processes: int = 1) -> None:
        """Let other processes look at the roots from now on; for `reuse_folders` they spare most of the looking.

        It must be called where no other thread runs, and `close` after it. Nobody looks ahead where there are few
        folders, or the system starts no more processes.
        """
        if not _are_many(self._paths):
            return
        from holdfast.backup.sources.scout import Scouts  # few who use a source look ahead

        with suppress(StoreUnavailable):
            self._scouts = Scouts(self._look_at_share, processes)

    def _look_at_share(self, share: Share, tell: Tell) -> None:
        """Walk as the backup will, and tell of every folder of this share that has a signature."""
        self._told = share, tell
        for root in self._paths:
            for _ in self.entries(root):
                pass

    def close(self) -> None:
        """End looking ahead, and hold no folder open any more."""
        self._reached.close()
        if self._scouts is not None:
            self._scouts.close()
            self._scouts = None

    def entries(self, root: bytes) -> Iterator[Found]:
        """Yield the root and everything below it that is not excluded."""
        try:
            status = os.stat(root)
            is_directory = stat.S_ISDIR(status.st_mode)
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if is_directory else None
        except OSError as error:
            yield Skipped(root, reason(error))
            return
        name = os.path.basename(root) or b"root"
        if fd is None:
            self._at = _Place((), root, None)
            yield entry_or_skipped((), name, status, root)
            return
        folders = FolderStack(fd)
        try:
            found, children = self._reported((), root, folders) or self._folder((), name, status, root, folders.fd)
            yield from found
            yield from self._below(root, status.st_dev, folders, [((), iter(children or ()))])
        finally:
            self._at = None
            folders.close()

    def open(self, item: SourceEntry) -> OpenedFile:
        """Open the file that `entries` yielded last."""
        at = self._at
        if at is None or at.path != item.path:
            raise ValueError(f"{item.path!r} is not what entries() yielded last")
        try:
            fd = self._open(at)
        except OSError as error:
            raise SourceUnreadable(reason(error)) from error
        return self._opened(fd, item.entry.name)

    @staticmethod
    def _open(at: _Place) -> int:
        if at.folder is None:  # a root: the user named it, so a link is followed
            return os.open(at.root, OPEN_FILE & ~os.O_NOFOLLOW)
        return os.open(at.path[-1], OPEN_FILE, dir_fd=at.folder)

    def open_path(self, root: bytes, path: Path) -> OpenedFile:
        """Open the file at `path` below `root`, following no link on the way; its folder stays open for the next."""
        name = path[-1] if path else os.path.basename(root) or b"root"
        try:
            folder = self._reached.reach((root, path[:-1]), partial(_folder_at, root, path[:-1])) if path else None
            fd = self._open(_Place(path, root, folder))
        except OSError as error:
            raise SourceUnreadable(reason(error)) from error
        return self._opened(fd, name)

    def _opened(self, fd: int, name: bytes) -> OpenedFile:
        try:
            now_ns = self._now_ns()  # before the look at the file: what changes later is then seen
            status = os.fstat(fd)
            xattrs, _ = read_xattrs(fd)
            is_settled = not may_hide_a_change(status.st_ctime_ns, now_ns)
            entry = entry_of(name, status, xattrs=xattrs, is_settled=is_settled)
            if entry is None or entry.kind is not EntryKind.FILE:
                raise SourceUnreadable("it is no longer a file")
        except BaseException:
            os.close(fd)
            raise
        return OpenedFile(fd, entry, status)

    def reuse_folders(self, may_reuse: MayReuse | None) -> None:
        """Ask `may_reuse` of every folder from now on; None: of none, then nobody needs to look ahead any more."""
        self._may_reuse = may_reuse
        if may_reuse is None:
            self.close()

    def _below(self, root: bytes, device: int, folders: FolderStack, stack: _Stack) -> Iterator[Found]:
        while stack:
            above, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                stack.pop()
                yield from _leave(folders, stack, root)
                continue
            child_name, seen = child
            path = (*above, child_name)
            if seen is not None and stat.S_ISREG(seen.st_mode):
                self._at = _Place(path, root, folders.fd)
                yield entry_or_skipped(path, child_name, seen, root)
                continue
            below: list[Child] | None
            try:
                found, below = self._reported(path, root, folders) or self._look(path, root, device, folders, seen)
            except OSError as error:
                found, below = [Skipped(path_of(root, path), reason(error))], None
            self._at = _Place(path, root, folders.fd)
            yield from found
            if below is not None:
                stack.append((path, iter(below)))

    def _reported(self, path: Path, root: bytes, folders: FolderStack) -> tuple[list[Found], list[Child] | None] | None:
        """Return what `_look` would of a folder that was looked at ahead and is to be reused; None of any other."""
        if self._scouts is None or self._may_reuse is None:
            return None
        report = self._scouts.find((root, *path))
        if report is None or not self._may_reuse(path, report.entry, report.counted):
            return None
        item = SourceEntry(path, report.entry, report.counted)
        if not report.folders:
            return [item], None
        if path:
            try:
                folders.enter(path[-1])
            except OSError:
                return None  # it changed meanwhile
        return [item], [(name, None) for name in report.folders]

    def _keeper(self, folder: Path) -> Keep | None:
        """Return what says of a child of this folder whether it is backed up; None if all are, but folders to avoid."""
        if self._exclude.is_empty:
            return None
        return lambda child, status: self._keeps((*folder, child), status)

    def _keeps(self, path: Path, status: os.stat_result) -> bool:
        is_left_out = self._exclude(path, stat.S_ISDIR(status.st_mode))
        return not is_left_out and (status.st_dev, status.st_ino) not in self._avoid

    def _look(
        self, path: Path, root: bytes, device: int, folders: FolderStack, status: os.stat_result | None
    ) -> tuple[list[Found], list[Child] | None]:
        """Return what stands at `path` and, if it is a folder and was entered, what is in it."""
        name = path[-1]
        if status is None:
            status = os.stat(name, dir_fd=folders.fd, follow_symlinks=False)
            if not self._keeps(path, status):
                return [], None
        if not stat.S_ISDIR(status.st_mode):
            return [entry_or_skipped(path, name, status, root, folders.fd)], None
        if (status.st_dev, status.st_ino) in self._avoid:
            return [], None
        if self._one_file_system and status.st_dev != device:
            return [entry_or_skipped(path, name, status, root)], None
        try:
            status = folders.enter(name)
        except OSError as error:
            status = os.stat(name, dir_fd=folders.fd, follow_symlinks=False)  # it may be another since it was listed
            found = [entry_or_skipped(path, name, status, root, folders.fd)]
            if stat.S_ISDIR(status.st_mode):
                found.append(Skipped(path_of(root, path), reason(error)))
            return found, None
        return self._folder(path, name, status, root, folders.fd)

    def _folder(
        self, path: Path, name: bytes, status: os.stat_result, root: bytes, fd: int
    ) -> tuple[list[Found], list[Child]]:
        entry = entry_of(name, status)
        assert entry is not None  # a folder is no socket
        xattrs, left_out = read_xattrs(fd)
        rest: list[Found] = [Skipped(path_of(root, path), left_out, expected=True)] if left_out else []
        try:
            listing = list_folder(fd, self._keeper(path), self._now_ns())
        except OSError as error:
            rest.append(Skipped(path_of(root, path), reason(error)))
            return [SourceEntry(path, entry._replace(xattrs=xattrs)), *rest], []
        children = listing.children
        if self._exclude_caches and CACHE_TAG in (name for name, _ in children) and is_cache(fd):
            return [SourceEntry(path, entry._replace(xattrs=xattrs)), *rest], [(CACHE_TAG, None)]
        entry = entry._replace(xattrs=xattrs, fingerprint=listing.signature)
        if self._told is not None:
            (share, tell), at, below = self._told, (root, *path), _folders(children)
            if listing.signature and not rest and share.has(at):
                tell(at, entry, listing.counted, [name for name, _ in below])
            return [], [child for child in below if share.reaches((*at, child[0]))]
        if self._may_reuse is None or not listing.signature or not self._may_reuse(path, entry, listing.counted):
            return [SourceEntry(path, entry), *rest], children
        return [SourceEntry(path, entry, listing.counted), *rest], _folders(children)


def _folders(children: Sequence[Child]) -> list[Child]:
    """Return those that were folders when they were looked at."""
    return [child for child in children if child[1] and stat.S_ISDIR(child[1].st_mode)]


def _are_many(roots: Sequence[bytes]) -> bool:
    """Say whether it takes long to look at the folders in the roots; this looks at no more of them than that needs."""
    waiting, folders, others = deque(roots), len(roots), 0
    while waiting and folders < MANY_FOLDERS and others < MANY_OTHERS:
        with suppress(OSError), os.scandir(waiting.popleft()) as found:
            for item in islice(found, MANY_OTHERS):
                if item.is_dir(follow_symlinks=False):
                    waiting.append(item.path)
                    folders += 1
                else:
                    others += 1
    return bool(waiting)


def _leave(folders: FolderStack, stack: list[tuple[Path, Iterator[Child]]], root: bytes) -> Iterator[Skipped]:
    """Go back up to the nearest folder that can still be reached; tell of those where something was still to be read.

    `stack` holds what is to be read of each folder above.
    """
    while folders.depth:
        try:
            folders.leave()
        except OSError:
            above, rest = stack.pop()
            if next(rest, None) is not None:
                yield Skipped(path_of(root, above), MOVED)
        else:
            return


def _folder_at(root: bytes, path: Path) -> int:
    folders = FolderStack(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        return folders.open_folder(path)
    finally:
        folders.close()


_Stack = list[tuple[Path, Iterator[Child]]]
"""The folders that are open, from the root downwards, each with what is still to be looked at in it."""


class _Place(NamedTuple):
    """Where the last item stands: a name in an open folder, or a root."""

    path: Path
    root: bytes
    folder: int | None


def entry_or_skipped(path: Path, name: bytes, status: os.stat_result, root: bytes, folder: int | None = None) -> Found:
    """Return the item for what `status` describes, a link with its target; a socket is skipped."""
    entry = entry_of(name, status)
    if entry is None:
        return Skipped(path_of(root, path), "a socket cannot be backed up", expected=True)
    if entry.kind is EntryKind.SYMLINK:
        try:
            entry = entry._replace(target=os.readlink(name, dir_fd=folder))
        except OSError as error:
            return Skipped(path_of(root, path), reason(error))
    return SourceEntry(path, entry)


def _absolute(path: bytes) -> bytes:
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        text = f"source {os.fsdecode(path)!r} cannot be read: the folder this runs in is gone; change to another"
        raise SourceUnreadable(text) from error
