"""What a session reads before it begins is read once, and may be old when it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.outset import Outset, OutsetAhead
from holdfast.backup.ports import Ledger
from holdfast.backup.repository import Repository
from holdfast.backup.resume import last_interrupted
from holdfast.backup.snapshots import find_parent
from holdfast.backup.sources.directory import DirectorySource
from holdfast.errors import StoreUnavailable
from tests.support.chunks import forget
from tests.support.repositories import any_repository
from tests.support.sources import ROOT, Script, ScriptedSource

USER, HOST = "ann", "h"


class Asked:
    """A port that notes which of its methods are called."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._port, name)


def back_up(repository: Repository, **options: Any) -> SnapshotId:
    source = ScriptedSource({b"a": Script([b"text"], fingerprint=b"1")})
    return create_snapshot(repository, source, user=USER, host=HOST, **options).snapshot


def read(repository: Repository) -> Outset:
    ahead = OutsetAhead(USER, HOST)
    ahead.begin(repository.objects, repository.ledger)
    outset = ahead.taken()
    assert outset is not None
    return outset


def test_nothing_was_read_where_nothing_was_begun() -> None:
    assert OutsetAhead(USER, HOST).taken() is None


def test_a_backup_after_it_asks_the_ledger_only_for_what_may_have_changed_since() -> None:
    repository = any_repository()
    first = back_up(repository)
    outset = read(repository)
    asked: Any = Asked(repository.ledger)
    objects: Any = Asked(repository.objects)
    later = repository._replace(ledger=asked, objects=objects)
    assert last_interrupted(later, USER, HOST, [ROOT], outset) is None
    parent = find_parent(later, USER, HOST, [ROOT], outset)
    assert parent == load_manifest(repository, first)
    assert objects.calls == []
    second = back_up(later, outset=outset)
    assert asked.calls == ["begin", "get", "finish"]
    assert load_manifest(repository, second).parent == first


def test_a_parent_that_was_forgotten_since_is_not_used() -> None:
    repository = any_repository()
    first = back_up(repository)
    outset = read(repository)
    forget(repository, [first])
    assert load_manifest(repository, back_up(repository, outset=outset)).parent is None


def test_the_newest_snapshot_of_the_same_sources_is_the_parent_though_another_was_read(tmp_path: Path) -> None:
    repository = any_repository()
    first = back_up(repository)
    create_snapshot(repository, DirectorySource([bytes(tmp_path)]), user=USER, host=HOST)
    outset = read(repository)
    parent = find_parent(repository, USER, HOST, [ROOT], outset)
    assert parent is not None
    assert parent.id == first


def test_a_first_backup_begins_with_nothing() -> None:
    repository = any_repository()
    outset = read(repository)
    assert outset == Outset(epoch=1, completed=[], noting=[], newest=None)
    back_up(repository, outset=outset)


def test_what_could_not_be_read_is_told_when_it_is_taken() -> None:
    repository = any_repository()

    class Failing(Asked):
        def ended(self) -> Any:
            raise StoreUnavailable("no answer")

    ledger: Ledger = Failing(repository.ledger)
    ahead = OutsetAhead(USER, HOST)
    ahead.begin(repository.objects, ledger)
    with pytest.raises(StoreUnavailable, match="no answer"):
        ahead.taken()
