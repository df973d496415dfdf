"""Where a restore writes to: a folder of this machine or the keys of a bucket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from holdfast.backup.entry import Entry, Path
from holdfast.errors import IntegrityError

Content = Iterable[bytes | memoryview | int]
"""A file's bytes in order; an integer is a hole of that length."""


class Target(Protocol):
    """Takes a tree in depth-first order. Nothing stands under its final name before it is whole.

    A call that fails for its path alone raises StoreDenied, with the reason as its text: the restore notes it and goes
    on. StoreUnavailable (a full disk, no network) ends the restore. What could only be done in part is in `warnings`.
    """

    @property
    def warnings(self) -> Sequence[str]:
        """What was written but not exactly as it was, a line each."""

    def begin(self, root: Entry | None) -> None:
        """Prepare the target, whose own metadata will be that of `root` if given; refuse with InvalidRequest."""

    def enter(self, path: Path) -> None:
        """Make the folder at `path` if it is not there; the next calls write in it."""

    def leave(self, path: Path, entry: Entry | None) -> None:
        """Finish the folder entered last: its metadata, where the snapshot has it, comes after its content."""

    def write(self, path: Path, entry: Entry, content: Content) -> None:
        """Make a file. An error that `content` raises passes through, and no file is left."""

    def link(self, path: Path, entry: Entry, earlier: Path) -> bool:
        """Make a file that is the one at `earlier`; False if this target cannot, so that it is written instead."""

    def make(self, path: Path, entry: Entry) -> None:
        """Make what is neither file nor folder: a symbolic link, a fifo, a device."""

    def finish(self) -> None:
        """Finish the target itself, after the last call."""

    def close(self) -> None:
        """Let go of everything, at the end and after any error."""


class Unfinished(NamedTuple):
    """How another process finds a file that is not whole yet: the folder it is in, its name there, and its inode."""

    folder: Path
    name: bytes
    device: int
    inode: int


class FileInParts(Protocol):
    """A file that several processes write at once, under another name until it is finished."""

    @property
    def unfinished(self) -> Unfinished:
        """What another process needs to write to it."""

    def finish(self, size: int) -> None:
        """Make the file `size` bytes long, give it its metadata and its name, once nobody writes any more."""

    def close(self) -> None:
        """Let go of it; what was not finished is removed."""


@runtime_checkable
class WritesByPath(Target, Protocol):
    """A target whose files can be written in any order, by several processes, into folders entered before."""

    def apart(self) -> WritesByPath:
        """Return this target for a forked process: it may use names of its own, and notes warnings of its own."""

    def write_path(self, path: Path, entry: Entry, content: Content) -> None:
        """Make a file, as `write` does."""

    def begin_parts(self, path: Path, entry: Entry) -> FileInParts:
        """Begin a file that other processes are to write."""

    def write_part(self, file: Unfinished, offset: int, data: bytes | memoryview) -> None:
        """Write bytes of a file that another process began; what is never written is a hole."""

    def leave_path(self, path: Path, entry: Entry) -> None:
        """Give a folder its metadata, once everything in it is made."""

    def warn(self, warnings: Sequence[str]) -> None:
        """Note what another process was warned of."""


def check_size(size: int, entry: Entry) -> None:
    """Refuse with IntegrityError content of another length than the entry says."""
    if size != entry.size:
        raise IntegrityError(f"its content is {size} bytes, not the {entry.size} its entry says")
