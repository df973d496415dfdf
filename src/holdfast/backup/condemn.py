"""Condemning packs: from then on no session takes a chunk from them, and a later prune may delete them."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.backup.mark import batches
from holdfast.backup.ports import PackRow
from holdfast.backup.repository import Repository
from holdfast.backup.together import TOGETHER, Each, change_all
from holdfast.errors import Conflict

ATTEMPTS = 5


def condemn(repository: Repository, rows: Iterable[PackRow], *, each: Each[PackRow, bool] = map) -> int:
    """Condemn with the current epoch, then advance it, so that later sessions are told apart; return how many were.

    Raises:
        Conflict: the epoch keeps changing.
    """
    epoch = repository.ledger.epoch()
    condemned = sum(
        sum(change_all(repository.index, lambda row: _condemn_one(repository, row, epoch), group, each))
        for group in batches(rows, TOGETHER)
    )
    if condemned:
        repository.ledger.advance_epoch()
    return condemned


def _condemn_one(repository: Repository, row: PackRow, epoch: int) -> bool:
    for _ in range(ATTEMPTS):
        try:
            return repository.index.condemn(row, epoch)
        except Conflict:  # it moved on between the reading and the writing
            epoch = repository.ledger.epoch()
    raise Conflict("the epoch keeps changing: another prune is at work; try again when it is done")
