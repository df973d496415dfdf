"""A source that does what a test says: files that vanish, fail or change while they are read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.sources import Extent, Skipped, SourceEntry
from holdfast.errors import SourceUnreadable

ROOT = b"/scripted"


@dataclass
class Script:
    """How one file behaves: `contents` are what each opening in turn finds; the last one stays."""

    contents: list[bytes]
    fingerprint: bytes = b""
    unreadable: str = ""
    torn_after: int | None = None
    opened: int = 0


class _File:
    def __init__(self, entry: Entry, data: bytes, changed: bool, torn_after: int | None) -> None:
        self.entry = entry
        self._data = io.BytesIO(data)
        self._size = len(data)
        self._changed = changed
        self._torn_after = torn_after

    def whole(self, most: int) -> None:
        pass

    def extents(self, offset: int = 0) -> Iterator[Extent]:
        self._data.seek(offset)
        if offset < self._size:
            yield Extent(self._size - offset)

    def read(self, size: int) -> bytes:
        if self._torn_after is not None and self._data.tell() >= self._torn_after:
            raise SourceUnreadable("input/output error")
        return self._data.read(size)

    def changed(self) -> bool:
        return self._changed


@dataclass
class ScriptedSource:
    """One root folder of scripted files; `on_entry` is called before each is yielded."""

    files: Mapping[bytes, Script]
    skipped: list[Skipped] = field(default_factory=list)
    on_entry: Callable[[bytes], None] = lambda _: None
    paths: tuple[bytes, ...] = (ROOT,)

    def check(self) -> None:
        pass

    def entries(self, root: bytes) -> Iterator[SourceEntry | Skipped]:
        yield SourceEntry((), Entry(name=b"scripted", kind=EntryKind.DIRECTORY, mode=0o755))
        for name, script in sorted(self.files.items()):
            self.on_entry(name)
            yield SourceEntry((name,), self._entry(name, script))
        yield from self.skipped

    @contextmanager
    def open(self, item: SourceEntry) -> Iterator[_File]:
        script = self.files[item.entry.name]
        if script.unreadable:
            raise SourceUnreadable(script.unreadable)
        last = len(script.contents) - 1
        data = script.contents[min(script.opened, last)]
        changes = script.opened < last
        script.opened += 1
        yield _File(self._entry(item.entry.name, script), data, changes, script.torn_after)

    @staticmethod
    def _entry(name: bytes, script: Script) -> Entry:
        size = len(script.contents[-1])
        return Entry(name=name, kind=EntryKind.FILE, mode=0o644, size=size, fingerprint=script.fingerprint)
