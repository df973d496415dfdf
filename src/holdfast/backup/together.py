"""Stores in which many changes cost little more than one: what takes its time there is the flush to the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, runtime_checkable

from holdfast.backup.ids import PackId
from holdfast.backup.mark import batches
from holdfast.backup.ports import ChunkIndex, ObjectStore, PackRow

T = TypeVar("T")
R = TypeVar("R")
Each = Callable[[Callable[[T], R], Iterable[T]], Iterable[R]]
"""Does something for each item, in their order: `map`, or several at once."""
TOGETHER = 256
"""Packs whose rows are changed together: a transaction of some 5 ms, which others wait for."""


@runtime_checkable
class Transactional(Protocol):
    """A catalogue that can make several changes in one transaction."""

    def together(self) -> AbstractContextManager[None]:
        """Make what this thread changes in the block durable at its end, all of it or nothing.

        Others wait meanwhile, other threads too: nothing in the block may wait for one that changes something.
        """


@runtime_checkable
class ChangesTogether(Protocol):
    """An index that can change the rows of a few packs in one request, each as if by itself."""

    most_together: int
    """So many packs at most."""

    def condemn_all(self, rows: Sequence[PackRow], epoch: int) -> list[bool]:
        """As `condemn` for each of these."""

    def remove_all(self, packs: Sequence[PackId]) -> None:
        """As `remove` for each of these."""


@runtime_checkable
class DeletesTogether(Protocol):
    """An object store that can delete several objects and make that durable at once."""

    def delete_all(self, keys: Collection[str]) -> None:
        """Remove these objects, as far as they are there; durable on return."""


def change_all(index: ChunkIndex, change: Callable[[T], R], items: Sequence[T], each: Each[T, R] = map) -> list[R]:
    """Make one change of the index for each item: in one transaction where it has them, else `each` by itself."""
    if not isinstance(index, Transactional):
        return list(each(change, items))
    with index.together():
        return [change(item) for item in items]


def remove_all(index: ChunkIndex, packs: Sequence[PackId], each: Each[Any, Any] = map) -> None:
    """Remove the rows of these packs, few at a time where the index can, else as `change_all` does."""
    if isinstance(index, ChangesTogether):
        deque(each(index.remove_all, batches(packs, index.most_together)), maxlen=0)
    else:
        change_all(index, index.remove, packs, each)


def delete_all(objects: ObjectStore, keys: Collection[str], each: Each[str, None] = map) -> None:
    """Delete these objects: together where the store can, else `each` by itself."""
    if isinstance(objects, DeletesTogether):
        objects.delete_all(keys)
    else:
        for _ in each(objects.delete, keys):
            pass
