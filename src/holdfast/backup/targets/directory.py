"""Restoring into a folder: by descriptor, never through a symbolic link, never outside, never half a file."""
# ruff: noqa: PTH103, PTH208 - names are bytes, relative to open folders

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from holdfast.backup.entry import Entry, EntryKind, Path
from holdfast.backup.folders import FolderStack, LastFolder, OpenFolders
from holdfast.backup.targets import Content, FileInParts, Unfinished, check_size
from holdfast.backup.targets.metadata import Metadata, Owner
from holdfast.backup.targets.os_errors import TargetErrors, ends_the_restore, reason
from holdfast.backup.targets.parts import NEW_FILE, PartsOfFile, open_unfinished, partial_name, write_at
from holdfast.errors import InvalidRequest, StoreDenied

MAX_WARNINGS = 1000
MAX_REACHED = 4096
"""Folders that files are being restored into, kept open: files come in the order of their content, not by folder."""
MOST_OWNERS = 1000
"""Folders of which it is known who owns what is made in them."""
DEVICE_TYPES = {EntryKind.CHARACTER_DEVICE: stat.S_IFCHR, EntryKind.BLOCK_DEVICE: stat.S_IFBLK}


class DirectoryTarget:
    """A folder that becomes what the snapshot holds. Without `overwrite` it must be empty or not exist.

    With `overwrite`, files of the same names are replaced, each in one step, and others are left. The folder's own
    metadata is restored only if it was new or empty.
    """

    def __init__(self, folder: bytes, *, overwrite: bool = False, numeric_owner: bool = False) -> None:
        self._folder = folder
        self._errors = TargetErrors(folder)
        self._overwrite = overwrite
        self._metadata = Metadata(numeric_owner=numeric_owner)
        self._partial = partial_name()
        self._folders: FolderStack | None = None
        self._reached = OpenFolders(lambda: self._open.open_folder(()), _most_reached())
        self._part = LastFolder()
        self._owners: dict[Path, Owner] = {}
        self._root: Entry | None = None
        self._warnings: list[str] = []

    @property
    def warnings(self) -> Sequence[str]:
        """What could not be restored exactly; the first 1,000."""
        return self._warnings

    def begin(self, root: Entry | None) -> None:
        """Make the folder if need be and open it."""
        shown = os.fsdecode(self._folder)
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileExistsError, NotADirectoryError) as error:
            raise InvalidRequest(f"target {shown!r} is not a folder; name a folder that is empty or new") from error
        except OSError as error:
            raise StoreDenied(f"target {shown!r} cannot be made: {reason(error)}; choose another") from error
        self._folders = FolderStack(fd)
        is_empty = not os.listdir(fd)
        if not is_empty and not self._overwrite:
            raise InvalidRequest(
                f"target {shown!r} is not empty; choose an empty folder, or --overwrite to replace files of equal name"
            )
        self._root = root if is_empty else None

    def enter(self, path: Path) -> None:
        """Make the folder if it is not there, closed to others until it is finished, and go into it."""
        with self._errors:
            with suppress(FileExistsError):
                os.mkdir(path[-1], 0o700, dir_fd=self._open.fd)
            self._open.enter(path[-1])

    def leave(self, path: Path, entry: Entry | None) -> None:
        """Give the folder its metadata and go back up."""
        if entry is not None:
            self._metadata.apply(self._open.fd, entry, self._warn(path))
        with self._errors:
            self._open.leave()

    def write(self, path: Path, entry: Entry, content: Content) -> None:
        """Write under another name, give it its metadata, then rename it into place."""
        self._write(self._open.fd, path, entry, content)

    def _write(self, folder: int, path: Path, entry: Entry, content: Content) -> None:
        with self._errors:
            fd = os.open(self._partial, NEW_FILE, 0o600, dir_fd=folder)
            try:
                try:
                    _fill(fd, entry, content)
                    self._metadata.apply(fd, entry, self._warn(path), owner=self._owner_of_new(fd, path[:-1]))
                finally:
                    os.close(fd)
                os.rename(self._partial, path[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                self._drop_partial(folder)
                raise

    def _owner_of_new(self, fd: int, folder: Path) -> Owner:
        """Return who owns what is made in this folder, by its first file: which need not be given away then."""
        owner = self._owners.get(folder)
        if owner is None:
            if len(self._owners) == MOST_OWNERS:
                self._owners.clear()
            status = os.fstat(fd)
            owner = self._owners[folder] = status.st_uid, status.st_gid
        return owner

    def apart(self) -> DirectoryTarget:
        """Return this target for a forked process."""
        other = DirectoryTarget(self._folder, overwrite=self._overwrite)
        other._metadata = self._metadata
        other._folders = self._folders
        return other

    def write_path(self, path: Path, entry: Entry, content: Content) -> None:
        """Write a file into a folder that was entered before; that folder stays open for the next."""
        with self._errors:
            folder = self._reach(path[:-1])
        self._write(folder, path, entry, content)

    def begin_parts(self, path: Path, entry: Entry) -> FileInParts:
        """Begin a file that other processes are to write, in a folder that was entered before."""
        with self._errors:
            folder = self._open.open_folder(path[:-1])
        return PartsOfFile(folder, path, lambda fd: self._metadata.apply(fd, entry, self._warn(path)), self._errors)

    def write_part(self, file: Unfinished, offset: int, data: bytes | memoryview) -> None:
        """Write bytes of a file that another process began; it stays open for the next."""
        with self._errors:
            write_at(self._part.reach(file, lambda: self._open_part(file)), data, offset)

    def _open_part(self, file: Unfinished) -> int:
        return open_unfinished(file, self._reach(file.folder))

    def leave_path(self, path: Path, entry: Entry) -> None:
        """Give a folder its metadata, once everything in it is made."""
        with self._errors:
            folder = self._reach(path)
        self._metadata.apply(folder, entry, self._warn(path))

    def _reach(self, path: Path) -> int:
        return self._reached.reach(path)

    def warn(self, warnings: Sequence[str]) -> None:
        """Note what another process was warned of."""
        self._warnings += warnings[: MAX_WARNINGS - len(self._warnings)]

    def link(self, path: Path, entry: Entry, earlier: Path) -> bool:
        """Link to the file restored earlier; False where the file system cannot."""
        try:
            above = self._open.open_folder(earlier[:-1])
        except OSError:
            return False
        try:
            with self._new_name(path[-1], self._open.fd, may_stay=True):
                os.link(earlier[-1], self._partial, src_dir_fd=above, dst_dir_fd=self._open.fd, follow_symlinks=False)
        except OSError as error:
            if ends_the_restore(error):
                with self._errors:
                    raise
            return False
        finally:
            os.close(above)
        return True

    def make(self, path: Path, entry: Entry) -> None:
        """Make a link, fifo or device under another name, then rename it into place."""
        folder = self._open.fd
        with self._errors, self._new_name(path[-1], folder):
            if entry.kind is EntryKind.SYMLINK:
                os.symlink(entry.target, self._partial, dir_fd=folder)
            elif entry.kind is EntryKind.FIFO:
                os.mkfifo(self._partial, 0o600, dir_fd=folder)
            else:
                os.mknod(self._partial, DEVICE_TYPES[entry.kind] | 0o600, entry.device, dir_fd=folder)
            self._metadata.apply_by_name(self._partial, folder, entry, self._warn(path))

    def finish(self) -> None:
        """Give the target folder its own metadata."""
        if self._root is not None:
            self._metadata.apply(self._open.fd, self._root, self._warn(()))

    def close(self) -> None:
        """Close every descriptor."""
        self._reached.close()
        self._part.close()
        if self._folders is not None:
            self._folders.close()
            self._folders = None

    @property
    def _open(self) -> FolderStack:
        if self._folders is None:
            raise ValueError("begin() comes first")
        return self._folders

    @contextmanager
    def _new_name(self, name: bytes, folder: int, *, may_stay: bool = False) -> Iterator[None]:
        """Run what makes the partial name, then rename it to `name`; on any error leave nothing.

        Between two links of one file a rename does nothing: then the partial name `may_stay` and is removed.
        """
        is_renamed = False
        try:
            yield
            os.rename(self._partial, name, src_dir_fd=folder, dst_dir_fd=folder)
            is_renamed = not may_stay
        finally:
            if not is_renamed:
                self._drop_partial(folder)

    def _drop_partial(self, folder: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._partial, dir_fd=folder)

    def _warn(self, path: Path) -> Callable[[str], None]:
        def warn(text: str) -> None:
            if len(self._warnings) < MAX_WARNINGS:
                self._warnings.append(f"{os.fsdecode(b'/'.join(path)) or '.'!r}: {text}")

        return warn


def _most_reached() -> int:
    """Return how many folders may stay open: a quarter of what this process may open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_REACHED if limit == resource.RLIM_INFINITY else min(MAX_REACHED, limit // 4)


def _fill(fd: int, entry: Entry, content: Content) -> None:
    position = written = 0
    for piece in content:
        if isinstance(piece, int):
            position += piece
            continue
        write_at(fd, piece, position)
        position += len(piece)
        written = position
    check_size(position, entry)
    if position > written:  # it ends in a hole
        os.ftruncate(fd, position)
