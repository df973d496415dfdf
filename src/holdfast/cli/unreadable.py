"""Snapshots that are acknowledged and cannot be read, or not whole: told one by one, while the others are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.backup.ids import SnapshotId
    from holdfast.errors import HoldfastError


class Unreadable:
    """Tells each on stderr, and what the verb then ends with."""

    def __init__(self) -> None:
        self._told: set[SnapshotId] = set()

    def __call__(self, snapshot: SnapshotId, error: HoldfastError) -> None:
        """Tell of one, once."""
        if snapshot not in self._told:
            self._told.add(snapshot)
            click.echo(f"damaged: {snapshot[:12]}: {error}", err=True)

    @property
    def status(self) -> ExitStatus:
        """Whether all could be read."""
        return ExitStatus.ANSWER_IS_NO if self._told else ExitStatus.DONE
