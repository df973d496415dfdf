"""Object stores behind a network: their connections belong to one process."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

from holdfast.backup.ports import ObjectStore
from holdfast.backup.repository import Repository


@runtime_checkable
class RemoteStore(Protocol):
    """An object store that is reached by connections, which a forked process must not share."""

    def reconnected(self) -> ObjectStore:
        """Return the same objects, to be reached by connections that are still to be made."""


def of_worker(repository: Repository) -> Repository:
    """Return the repository for a forked process, with connections of its own. Its catalogue is the caller's to ask."""
    if isinstance(repository.objects, RemoteStore):
        return replace(repository, objects=repository.objects.reconnected())
    return repository
