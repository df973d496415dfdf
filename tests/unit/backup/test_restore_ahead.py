"""What a restore asks before it begins comes while the repository is opened, or when it is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from holdfast.backup.cold import Temperature, Tier
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ports import Record, StoredObject
from holdfast.backup.repository import Repository
from holdfast.backup.restore_ahead import Before, RestoreAhead
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.errors import StoreUnavailable
from tests.support.repositories import any_repository
from tests.support.sources import Script, ScriptedSource


class Archive(MemoryObjects):
    """A store all of which is archived."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return (one._replace(storage_class="GLACIER") for one in super().list(prefix))

    def temperature(self, key: str) -> Temperature:
        return Temperature("GLACIER", readable=False)

    def thaw(self, key: str, tier: Tier, days: int) -> None:
        raise AssertionError(key)


def with_a_snapshot() -> Repository:
    repository = any_repository()
    create_snapshot(repository, ScriptedSource({b"a": Script([b"text"])}), user="ann", host="h")
    return repository


def archived(repository: Repository) -> Repository:
    archive = Archive()
    assert isinstance(repository.objects, MemoryObjects)
    archive.objects.update(repository.objects.objects)
    return repository._replace(objects=archive)


@pytest.mark.parametrize("is_archived", [False, True])
def test_the_answers_are_the_same_asked_before_and_asked_at_once(*, is_archived: bool) -> None:
    repository = archived(with_a_snapshot()) if is_archived else with_a_snapshot()
    ahead = RestoreAhead()
    ahead.begin(repository.objects, repository.ledger)
    expected = Before(repository.ledger.completed(), is_archived)
    assert ahead.taken(repository) == RestoreAhead().taken(repository) == expected
    assert len(expected.completed) == 1


def test_both_are_asked_at_once_and_no_thread_is_left() -> None:
    both, threads = threading.Barrier(2), threading.active_count()

    class Meeting(MemoryCatalogue):
        def completed(self, user: str | None = None) -> list[Record]:
            both.wait(30)
            return super().completed(user)

    class Far(Archive):
        def list(self, prefix: str) -> Iterator[StoredObject]:
            both.wait(30)
            return super().list(prefix)

    repository = any_repository()._replace(objects=Far(), ledger=Meeting())
    ahead = RestoreAhead()
    ahead.begin(repository.objects, repository.ledger)
    assert ahead.taken(repository) == Before([], seems_archived=False)
    assert threading.active_count() == threads


def test_what_could_not_be_asked_is_told_when_it_is_taken() -> None:
    class Failing(MemoryCatalogue):
        def completed(self, user: str | None = None) -> list[Record]:
            raise StoreUnavailable("no answer")

    repository = any_repository()._replace(ledger=Failing())
    ahead = RestoreAhead()
    ahead.begin(repository.objects, repository.ledger)
    with pytest.raises(StoreUnavailable, match="no answer"):
        ahead.taken(repository)
