"""The files behind a report's figures, each with its size and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holdfast.errors import StoreUnavailable
from holdfast.rehearsal.measure_recovery import Acknowledged, Difference, Exposure, Restored
from holdfast.rehearsal.ports import Replicated
from holdfast.report.model import EvidenceFile


class EvidenceFolder:
    """Writes evidence below `folder`, whose parent holds the report, and remembers what was written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[EvidenceFile] = []

    def lines(self, name: str, what: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON object a line."""
        data = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows).encode()
        path = self._folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot write {path}: {error.strerror}; make room or choose another --out"
            ) from error
        self.add(path, what)

    def add(self, path: Path, what: str) -> None:
        """Name a file that is there already as evidence."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(self._folder.parent).as_posix()
        self.files.append(EvidenceFile(name=name, what=what, bytes=path.stat().st_size, sha256=digest))


def acknowledged_rows(entries: Iterable[Acknowledged]) -> Iterable[dict[str, Any]]:
    """Yield one row for each acknowledged snapshot: `files` is path -> [sha256, size]."""
    for entry in entries:
        files = {path: [version.sha256, version.size] for path, version in entry.files.items()}
        yield {"snapshot": entry.snapshot, "user": entry.user, "day": entry.day, "at": entry.at, "files": files}


def restored_rows(entries: Iterable[Restored], differences: Iterable[Difference]) -> Iterable[dict[str, Any]]:
    """Yield one row for each user restored, then one for each file that differs."""
    for entry in entries:
        yield {"user": entry.user, "snapshot": entry.snapshot, "files": entry.files}
    for difference in differences:
        yield asdict(difference)


def lost_rows(cost: Exposure) -> Iterable[dict[str, Any]]:
    """Yield one row for each file version that is gone."""
    for version in (*cost.lost_acknowledged, *cost.lost_unacknowledged):
        yield asdict(version)


def replication_rows(copies: Iterable[Replicated]) -> Iterable[dict[str, Any]]:
    """Yield one row for each object that replication carried, failed to carry, or lost."""
    for copy in copies:
        yield {"key": copy.key, "put_at": copy.put_at, "replica_at": copy.replica_at, "status": copy.status}
