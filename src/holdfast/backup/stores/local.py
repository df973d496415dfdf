"""Objects as files of one folder: written whole to a temporary name, synced, then linked to the final one."""

from __future__ import annotations

import os
import re
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from holdfast.backup.parallel import each
from holdfast.backup.ports import StoredObject
from holdfast.backup.stores.os_errors import os_errors
from holdfast.errors import InvalidRequest, NotFound

TEMPORARY = "tmp"
ABANDONED_SECONDS = 24 * 3600
"""A temporary file is written in one go, within seconds."""
SYNCED_AT_ONCE = 4
"""Folders: emptying and syncing them is the kernel's work, and it takes several at a time."""
KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class LocalObjects:
    """An object store in a folder on a file system with hard links; durable when `put` returns.

    A crash leaves at most files under `tmp/`, which nothing reads; whoever puts an object after a day removes them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._is_cleared = False
        self._reached: set[Path] = set()

    def put(self, key: str, data: bytes | memoryview) -> bool:
        """Store `data` if `key` is absent, durable and whole on return; False (and no change) if it was there."""
        final = self._path(key)
        with os_errors(f"write {key}"):
            temporary = self._write(data)
            try:
                created = self._link(temporary, final)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(final.parent)
        return created

    def _write(self, data: bytes | memoryview) -> Path:
        folder = self.root / TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / os.urandom(16).hex()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
            if not self._is_cleared:
                self._is_cleared = True
                _clear(folder, os.fstat(descriptor).st_mtime - ABANDONED_SECONDS)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return path

    def _link(self, temporary: Path, final: Path) -> bool:
        self._reach(final.parent)
        try:
            os.link(temporary, final)
        except FileExistsError:
            return False
        return True

    def _reach(self, folder: Path) -> None:
        """Make the folder durable: who made it may have been killed, or be about to, before its name was."""
        if folder in self._reached and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        if folder != self.root:
            for above in dict.fromkeys((folder.parent, self.root)):
                sync_folder(above)
        self._reached.add(folder)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `start` (fewer only at the object's end); raise NotFound."""
        try:
            with os_errors(f"read {key}"), self._path(key).open("rb") as file:
                if start < 0:
                    size = file.seek(0, os.SEEK_END)
                    start = max(0, size + start)
                file.seek(start)
                return file.read() if length is None else file.read(length)
        except NotFound:
            raise NotFound(f"no object {key} in {self.root}") from None

    def size(self, key: str) -> int | None:
        """Return the object's size in bytes, None if it does not exist."""
        try:
            with os_errors(f"look at {key}"):
                return self._path(key).stat().st_size
        except NotFound:
            return None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key starts with `prefix`, in key order."""
        with os_errors(f"list {prefix}"):
            found = sorted(self._files(self.root, ""), key=lambda item: item[0]) if prefix == "" else None
            top = prefix.rsplit("/", 1)[0] if "/" in prefix else ""
            start = self.root / top if top else self.root
            if found is None:
                found = sorted(self._files(start, f"{top}/" if top else "")) if start.is_dir() else []
        for key, size in found:
            if key.startswith(prefix):
                yield StoredObject(key, size)

    def _files(self, folder: Path, above: str) -> Iterator[tuple[str, int]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                key = above + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if key != TEMPORARY:
                        yield from self._files(Path(entry.path), f"{key}/")
                elif KEY.fullmatch(key):
                    with suppress(FileNotFoundError):  # deleted since the folder was read
                        yield key, entry.stat(follow_symlinks=False).st_size

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if it is not there."""
        path = self._path(key)
        with os_errors(f"delete {key}"):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def delete_all(self, keys: Collection[str]) -> None:
        """Remove these objects, as far as they are there; each folder is synced once, after all of its own."""
        folders = defaultdict[Path, deque[str]](deque)
        for key in sorted(keys):
            folders[self._path(key).parent].append(key)
        for _ in each(self._empty, folders.items(), min(len(folders), SYNCED_AT_ONCE)):
            pass

    def _empty(self, folder: tuple[Path, Sequence[str]]) -> None:
        path, keys = folder
        for key in keys:
            with os_errors(f"delete {key}"):
                self._path(key).unlink(missing_ok=True)
        with os_errors(f"write {str(path)!r}"):
            if path.is_dir():
                sync_folder(path)

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise InvalidRequest(f"{key!r} is no object key: letters, digits, '_', '-' and single '/' only")
        return self.root / key


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it, durable where the folder above may be read; unmake them if the block fails.

    Only what was missing goes again, and only while nothing is in it.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for above in dict.fromkeys([folder.parent, *(one.parent for one in missing)]):
        with suppress(PermissionError):
            sync_folder(above)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for one in missing:
                one.rmdir()
        raise


def _clear(folder: Path, before: float) -> None:
    """Remove files not written to since `before`, by the file system's clock: their writers were killed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # another process was quicker, or it is not ours
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    Path(entry.path).unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
