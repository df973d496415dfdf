"""Repositories in memory, whose clock a test owns and whose keys cost nothing to open."""

from __future__ import annotations

from datetime import timedelta

from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId
from holdfast.backup.repository import Repository
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from tests.support.clocks import FakeClock


def any_repository(limits: ChunkLimits | None = None) -> Repository:
    catalogue = MemoryCatalogue()
    return Repository(
        id=RepositoryId("0" * 32),
        objects=MemoryObjects(),
        index=catalogue,
        ledger=catalogue,
        keyring=Keyring(Ring.new()),
        limits=limits or ChunkLimits(),
        clock=FakeClock(step=timedelta(microseconds=1)),
    )
