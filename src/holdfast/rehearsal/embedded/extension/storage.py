"""Object bytes live in the run's folder, not in memory, and reading or writing them costs one system call.

MiniStack keeps bodies in memory, or with S3_PERSIST one file and one side file an object *and* every version's bytes
in memory. Here a body becomes a reference into an append-only segment file. Space of deleted versions is not
reclaimed: the folder lives as long as the run.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.services import s3

SEGMENT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a body lies."""

    descriptor: int
    offset: int
    size: int

    def read(self) -> bytes:
        """Return the body."""
        parts, offset, left = [], self.offset, self.size
        while left:
            part = os.pread(self.descriptor, left, offset)
            if not part:
                raise OSError(f"segment of {self.size} bytes at {self.offset} is cut short")
            parts.append(part)
            offset, left = offset + len(part), left - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Segments:
    """Append-only files below one folder; safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._count = 0
        self._descriptor = -1
        self._end = SEGMENT_BYTES

    def append(self, body: bytes) -> Stored:
        """Write `body` and return where it lies."""
        with self._lock:
            if self._end >= SEGMENT_BYTES:
                path = self._folder / f"segment-{self._count}"
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                self._count, self._end = self._count + 1, 0
            descriptor, offset = self._descriptor, self._end
            self._end += len(body)
        view = memoryview(body)
        written = 0
        while written < len(view):
            written += os.pwrite(descriptor, view[written:], offset + written)
        return Stored(descriptor, offset, len(body))


def install(folder: Path) -> None:
    """Make every recorded object and version refer to a segment instead of holding its bytes."""
    segments = Segments(folder)
    record_version, read_body, version_body = s3._record_object_version, s3._read_body, s3._version_body

    def record_object_version(bucket: str, key: str, prior: Any, record: dict[str, Any], data: Any) -> Any:
        stored = data if isinstance(data, Stored) else segments.append(bytes(data or b""))
        record["body"] = stored
        return record_version(bucket, key, prior, record, stored)

    def read_stored_body(bucket: str, key: str, record: dict[str, Any]) -> bytes:
        body = record.get("body")
        return body.read() if isinstance(body, Stored) else read_body(bucket, key, record)

    def read_stored_version(bucket: dict[str, Any], name: str, key: str, version: dict[str, Any]) -> bytes | None:
        data = version.get("data")
        return data.read() if isinstance(data, Stored) else version_body(bucket, name, key, version)

    s3._record_object_version = record_object_version
    s3._read_body = read_stored_body
    s3._version_body = read_stored_version
