"""Repositories in memory, whose clock a test owns and whose keys cost nothing to open."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId
from holdfast.backup.repository import Repository
from holdfast.backup.sealing import Keyring, Ring
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from tests.support.clocks import FakeClock

KEYRING = Keyring(Ring.new(Random(1).randbytes))
"""Always the same keys, so that a test's files are cut alike in every run."""


def any_repository(limits: ChunkLimits | None = None) -> Repository:
    catalogue = MemoryCatalogue()
    return Repository(
        id=RepositoryId("0" * 32),
        objects=MemoryObjects(),
        index=catalogue,
        ledger=catalogue,
        keyring=KEYRING,
        limits=limits or ChunkLimits(),
        clock=FakeClock(step=timedelta(microseconds=1)),
    )
