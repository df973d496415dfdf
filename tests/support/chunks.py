"""Chunks and small snapshots in one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import ChunkId, SnapshotId
from holdfast.backup.ports import PackKind
from holdfast.backup.repository import Repository
from holdfast.backup.writer import ChunkWriter
from tests.support.sources import Script, ScriptedSource

WRITER = SnapshotId("1" * 32)


def store(repository: Repository, *plaintexts: bytes, kind: PackKind = PackKind.DATA) -> list[ChunkId]:
    """Store the chunks in one session that is in no ledger."""
    writer = ChunkWriter(repository, WRITER)
    chunks = [writer.add(kind, plaintext) for plaintext in plaintexts]
    writer.flush()
    return chunks


def snapshot(repository: Repository, contents: dict[str, bytes], user: str = "ann", **options: Any) -> SnapshotId:
    """Back up one folder of files with these contents."""
    source = ScriptedSource({name.encode(): Script([data]) for name, data in contents.items()})
    return create_snapshot(repository, source, user=user, host="host", **options).snapshot


def forget(repository: Repository, ids: Sequence[SnapshotId]) -> None:
    repository.ledger.forget(ids)


LONG = timedelta(hours=12).total_seconds()
