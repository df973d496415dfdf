"""Condemning packs: from then on no session takes a chunk from them, and a later prune may delete them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from holdfast.backup.mark import batches
from holdfast.backup.ports import PackRow
from holdfast.backup.repository import Repository
from holdfast.backup.together import TOGETHER, ChangesTogether, Each, change_all
from holdfast.errors import Conflict

T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 5


def condemn(repository: Repository, rows: Iterable[PackRow], *, each: Each[Any, Any] = map) -> int:
    """Condemn with the current epoch, then advance it, so that later sessions are told apart; return how many were.

    Raises:
        Conflict: the epoch keeps changing.
    """
    index, epoch = repository.index, repository.ledger.epoch()
    if isinstance(index, ChangesTogether):
        groups = batches(rows, index.most_together)
        done: Iterable[list[bool]] = each(lambda group: _current(repository, epoch, index.condemn_all, group), groups)
        condemned = sum(map(sum, done))
    else:
        condemned = sum(
            sum(change_all(index, lambda row: _current(repository, epoch, index.condemn, row), group, each))
            for group in batches(rows, TOGETHER)
        )
    if condemned:
        repository.ledger.advance_epoch()
    return condemned


def _current(repository: Repository, epoch: int, change: Callable[[T, int], R], what: T) -> R:
    """Make a change with the epoch that is current."""
    for _ in range(ATTEMPTS):
        try:
            return change(what, epoch)
        except Conflict:  # it moved on between the reading and the writing
            epoch = repository.ledger.epoch()
    raise Conflict("the epoch keeps changing: another prune is at work; try again when it is done")
