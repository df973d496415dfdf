"""A file of which a part is stored: what an attempt that ended in the middle of it leaves to the next.

It is noted as an entry that no snapshot holds: the content and size so far, under a fingerprint that no file has.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.backup.entry import Entry, EntryKind, Item
from holdfast.backup.tree_builders import ContentBuilder, Emit

MARK = b"begun\0"
"""Before the fingerprint of the file: who does not know of such entries takes them for those of a changed file."""


def is_begun(found: Entry, before: Entry | None) -> bool:
    """Say whether `before` notes a part of this very file."""
    return (
        before is not None
        and before.kind is found.kind is EntryKind.FILE
        and found.fingerprint != b""
        and before.fingerprint == MARK + found.fingerprint
        and before.size <= found.size
    )


class FileSoFar:
    """The content of one file as far as it is stored; `found` is the file as it was listed."""

    def __init__(self, found: Entry, emit: Emit, items: Iterable[Item] = (), size: int = 0) -> None:
        self._found = found
        self._emit = emit
        self._content = ContentBuilder(emit)
        self._is_same = True
        self.size = 0
        self.extend(items, size)

    def extend(self, items: Iterable[Item], size: int) -> None:
        """Add what follows; then `size` bytes are stored in all."""
        for item in items:
            self._content.add(item)
        self.size = size

    def meets(self, opened: Entry) -> bool:
        """Say whether every file opened up to now was the one found, so that what is stored is of it."""
        self._is_same = self._is_same and opened.fingerprint == self._found.fingerprint != b""
        return self._is_same

    def restart(self) -> None:
        """Forget what is stored."""
        self._content, self.size = ContentBuilder(self._emit), 0

    def finish(self) -> tuple[tuple[Item, ...], int]:
        """Return an entry's `content` and `levels`."""
        return self._content.finish()

    def entry(self) -> Entry | None:
        """Return the entry that notes how far this is; None if there is nothing that could be gone on with."""
        if not self._is_same or not self.size or not self._found.fingerprint:
            return None
        content, levels = self._content.copy().finish()
        mark = MARK + self._found.fingerprint
        return self._found._replace(content=content, levels=levels, size=self.size, fingerprint=mark)
