"""Where a backup reads from: a directory tree or the keys of a bucket, as one depth-first stream of entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, runtime_checkable

from holdfast.backup.entry import Entry, Path


class Counted(NamedTuple):
    """What stands directly in a folder; `size` in bytes, of the files."""

    files: int = 0
    others: int = 0
    folders: int = 0
    size: int = 0


class SourceEntry(NamedTuple):
    """One thing found, at `path` below its root (`()` is the root itself, which always has a name).

    A file's `content` and `xattrs` are empty: they come from `Source.open`. Its `fingerprint` changes whenever they do;
    an empty fingerprint means "always read". A folder's covers all that stands in it but the content of its folders.
    Where `reused` is given, the consumer has agreed to take what stands in this folder from the snapshot before, and
    only the folders in it follow.
    """

    path: Path
    entry: Entry
    reused: Counted | None = None


class Skipped(NamedTuple):
    """Something that is not in the snapshot, and why; `expected` where its nature forbids it (a socket)."""

    path: bytes
    reason: str
    expected: bool = False


class Extent(NamedTuple):
    """A run of a file: bytes to read, or a hole."""

    length: int
    hole: bool = False


class OpenFile(Protocol):
    """A file being read. `entry` is its metadata, with extended attributes, as of opening."""

    @property
    def entry(self) -> Entry:
        """The metadata as of opening; its fingerprint is empty where a later change could escape notice."""

    def whole(self, most: int) -> bytes | None:
        """Return the file's bytes if one read gives them, they are at most `most` and have no holes; None otherwise.

        Raises:
            SourceUnreadable: as `read`.
        """

    def extents(self, offset: int = 0) -> Iterator[Extent]:
        """Yield the file's runs from `offset` on, in order; read each data run before asking for the next."""

    def read(self, size: int) -> bytes:
        """Return 1 to `size` bytes of the current data run, `b""` at its end (or where the file shrank).

        Raises:
            SourceUnreadable: the bytes cannot be read; the text is the reason alone.
        """

    def changed(self) -> bool:
        """Say whether the file changed since it was opened."""


class FileAtPath(OpenFile, Protocol):
    """An open file of which any part can be read."""

    @property
    def stamp(self) -> Sequence[int]:
        """What differs once the file is another."""

    def extents(self, offset: int = 0, stop: int | None = None) -> Iterator[Extent]:
        """Yield the runs from `offset` on; of data what lies before `stop` alone, a hole before that whole."""


class Source(Protocol):
    """What is backed up. `paths` are the roots, as the snapshot will name them; sorted, each once."""

    @property
    def paths(self) -> tuple[bytes, ...]:
        """The roots."""

    def check(self) -> None:
        """Raise SourceUnreadable, before anything is written, if a root does not exist or cannot be read."""

    def entries(self, root: bytes) -> Iterator[SourceEntry | Skipped]:
        """Yield the root, then what is below it: depth first, by name in a directory, a directory before its content.

        Names of one directory come in byte order, each once (so `a` and what is in it come before `a-b`).
        """

    def open(self, item: SourceEntry) -> AbstractContextManager[OpenFile]:
        """Open a file for reading. Only the item that `entries` yielded last may be opened.

        Raises:
            SourceUnreadable: it vanished, may not be read, or is no longer a file; the text is that reason alone.
        """


MayReuse = Callable[[Path, Entry, Counted], bool]
"""Asked of a folder before it is yielded: is its fingerprint that of the snapshot before, and can that be read?"""


@runtime_checkable
class ReusesFolders(Protocol):
    """A source that leaves out what stands in an unchanged folder."""

    def reuse_folders(self, may_reuse: MayReuse | None) -> None:
        """Ask `may_reuse` of every folder from now on; None: of none."""


@runtime_checkable
class ReadsByPath(Protocol):
    """A source whose files can be opened in any order, in any process."""

    def open_path(self, root: bytes, path: Path) -> AbstractContextManager[FileAtPath]:
        """Open the file at `path` below `root`; one at a time.

        Raises:
            SourceUnreadable: as `Source.open` does.
        """


def path_of(root: bytes, path: Path) -> bytes:
    """Return the full path for people and reports."""
    return b"/".join((root.rstrip(b"/"), *path)) if path else root
