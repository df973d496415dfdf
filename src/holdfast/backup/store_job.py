"""One job: files one after the other, or one file's part, stored through one writer in whichever process has it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from holdfast.backup.entry import Path, encode_entry
from holdfast.backup.large_file import Part
from holdfast.backup.sources import ReadsByPath
from holdfast.backup.store_file import FileStore
from holdfast.errors import SourceUnreadable


class JobStore:
    """Does jobs; what it takes and gives can cross to another process."""

    def __init__(self, source: ReadsByPath, files: FileStore) -> None:
        self._source = source
        self._files = files

    def do(self, root: bytes, paths: Sequence[bytes], part: Sequence[int] | None) -> Sequence[Any]:
        """Store each file, or the `part` of the one; return what `Outcome` or `StoredPart` has but for the slot."""
        if part is None:
            return [self._file(root, _path(path)) for path in paths]
        return self._part(root, _path(paths[0]), Part(*part))

    def _file(self, root: bytes, path: Path) -> tuple[bytes | None, int, bool, str]:
        try:
            stored = self._files.store(partial(self._source.open_path, root, path))
        except SourceUnreadable as error:
            return None, 0, False, str(error)
        return encode_entry(stored.entry), stored.entry.size, stored.restless, ""

    def _part(self, root: bytes, path: Path, part: Part) -> tuple[Any, ...]:
        try:
            entry, *rest = self._files.store_part(partial(self._source.open_path, root, path), part)
        except SourceUnreadable:
            return (None,)
        return encode_entry(entry), *rest


def _path(joined: bytes) -> Path:
    return tuple(joined.split(b"/")) if joined else ()
