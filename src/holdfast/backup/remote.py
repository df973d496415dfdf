"""Stores behind a network: their connections belong to one process, and a request there costs time and money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from holdfast.backup.repository import Repository

AT_ONCE = 4
"""Requests for packs that one process has under way: with four processes 16, some 1.4 GB/s at S3's 90 MB/s each."""


@runtime_checkable
class Remote(Protocol):
    """A store that is reached by connections, which a forked process must not share."""

    def reconnected(self) -> Self:
        """Return the same store, to be reached by connections that are still to be made."""


def is_remote(store: object) -> bool:
    """Say whether a store is behind a network."""
    return isinstance(store, Remote)


def requests_at_once(store: object) -> int:
    """Return how many requests one process should have under way: several where each is waited for."""
    return AT_ONCE if is_remote(store) else 1


def of_worker(repository: Repository) -> Repository:
    """Return the repository for a forked process: with connections of its own to what is reached by connections.

    A local catalogue stays the caller's, to be asked.
    """
    objects, index = repository.objects, repository.index
    return repository._replace(
        objects=objects.reconnected() if isinstance(objects, Remote) else objects,
        index=index.reconnected() if isinstance(index, Remote) else index,
    )
