"""Going on where an attempt reached its deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import manifest_ids
from holdfast.backup.ports import Status
from holdfast.backup.repository import Repository
from holdfast.backup.resume import interrupted_roots, last_interrupted
from holdfast.backup.verify import verify
from holdfast.errors import DeadlineReached, Interrupted
from tests.support.repositories import any_repository, noise
from tests.support.sources import ROOT, Script, ScriptedSource

FIRST, SECOND = SnapshotId("1" * 32), SnapshotId("2" * 32)


def make(repository: Repository, source: ScriptedSource, id_: SnapshotId, **options: Any) -> SnapshotSummary:
    return create_snapshot(repository, source, user="u", host="h", new_id=lambda: id_, **options)


def files(count: int = 60) -> dict[bytes, Script]:
    return {b"%02d" % n: Script([bytes([n]) * 1000], fingerprint=b"%d" % n) for n in range(count)}


def interrupted(repository: Repository, scripts: dict[bytes, Script]) -> int:
    """Run into a deadline and return how many files were opened before it."""
    slow = ScriptedSource(scripts, on_entry=lambda _: repository.clock.sleep(2))
    with pytest.raises(DeadlineReached):
        make(repository, slow, FIRST, deadline=repository.clock.now() + timedelta(seconds=60))
    return sum(script.opened for script in scripts.values())


def test_the_next_attempt_opens_no_file_that_was_stored() -> None:
    repository, scripts = any_repository(), files()
    before = interrupted(repository, scripts)
    assert 0 < before < 60
    summary = make(repository, ScriptedSource(scripts), SECOND, resume=FIRST)
    assert summary.files == 60
    assert sum(script.opened for script in scripts.values()) == 60


def test_a_file_that_changed_since_is_read_again() -> None:
    repository, scripts = any_repository(), files()
    interrupted(repository, scripts)
    scripts[b"00"].contents, scripts[b"00"].fingerprint = [b"new"], b"changed"
    make(repository, ScriptedSource(scripts), SECOND, resume=FIRST)
    assert scripts[b"00"].opened == 2


def test_the_hint_is_dropped_when_a_pack_it_needs_is_condemned() -> None:
    repository, scripts = any_repository(), files()
    before = interrupted(repository, scripts)
    (row, *_) = repository.index.packs()
    assert repository.index.condemn(row, repository.ledger.epoch())
    assert interrupted_roots(repository, FIRST, (ROOT,)) == {}
    make(repository, ScriptedSource(scripts), SECOND, resume=FIRST)
    assert sum(script.opened for script in scripts.values()) == before + 60


def test_the_hint_is_dropped_for_other_paths_and_unknown_or_completed_attempts() -> None:
    repository, scripts = any_repository(), files()
    interrupted(repository, scripts)
    make(repository, ScriptedSource(scripts), SECOND)
    assert interrupted_roots(repository, FIRST, (ROOT,))
    assert interrupted_roots(repository, FIRST, (b"/elsewhere",)) == {}
    assert interrupted_roots(repository, SnapshotId("3" * 32), (ROOT,)) == {}
    assert interrupted_roots(repository, SECOND, (ROOT,)) == {}
    assert interrupted_roots(repository, None, (ROOT,)) == {}


def test_an_interrupted_attempt_is_no_snapshot() -> None:
    repository = any_repository()
    interrupted(repository, files())
    assert list(manifest_ids(repository)) == []
    assert repository.ledger.get([FIRST])[FIRST].status is Status.FAILED
    assert repository.ledger.completed() == []


def test_a_stopped_backup_is_found_and_gone_on_with() -> None:
    repository = any_repository()
    files = {b"%03d" % n: Script([noise(20_000, n)], fingerprint=b"%d" % n) for n in range(20)}
    asked = iter(range(1000))
    with pytest.raises(Interrupted, match="back up again to go on"):
        create_snapshot(
            repository, ScriptedSource(files), user="ann", host="host", is_stopped=lambda: next(asked) >= 25
        )
    stopped = last_interrupted(repository, "ann", "host", ScriptedSource(files).paths)
    assert stopped is not None
    assert last_interrupted(repository, "bob", "host", ScriptedSource(files).paths) is None
    assert last_interrupted(repository, "ann", "host", (b"/elsewhere",)) is None
    read = sum(script.opened for script in files.values())
    assert 5 < read < 20
    summary = create_snapshot(repository, ScriptedSource(files), user="ann", host="host", resume=stopped)
    assert sum(script.opened for script in files.values()) <= 20 + 1  # but for the file it was at
    assert summary.files == 20
    assert verify(repository, read_data=True).ok
    assert last_interrupted(repository, "ann", "host", ScriptedSource(files).paths) is None
