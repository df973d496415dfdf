"""Bringing back what is damaged."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.backup.compact import compact
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.pack import read_footer
from holdfast.backup.ports import PackKind
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import NOBODY, rebuild_catalogue
from holdfast.backup.repair import RepairReport, repair
from holdfast.backup.replica import Replica
from holdfast.backup.repository import Repository
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.verify import verify
from holdfast.errors import Conflict, InvalidRequest, NotFound
from tests.support.chunks import snapshot
from tests.support.repositories import any_created, contents_of, flip, noise, objects_of
from tests.support.sources import Script, ScriptedSource

FILES = {"large": noise(400_000, 1), "small": b"a few bytes", "other": noise(90_000, 2)}


def replica_of(repository: Repository) -> Replica:
    copy = MemoryObjects()
    copy.objects = dict(objects_of(repository))
    return Replica(repository, copy)


def packs(repository: Repository, kind: PackKind) -> list[str]:
    return [f"packs/{row.pack[:2]}/{row.pack}" for row in repository.index.packs() if row.kind is kind]


def mend(repository: Repository, **options: object) -> RepairReport:
    return repair(repository, owner="test", **options)  # type: ignore[arg-type]


def assert_whole(repository: Repository, id_: SnapshotId, files: dict[str, bytes] = FILES) -> None:
    """Nothing is wrong, also after what was damaged has been pruned, and every file is what it was."""
    assert verify(repository, read_data=True).ok
    prune(repository, owner="test")
    assert verify(repository, read_data=True).ok
    assert contents_of(repository, id_) == files


@pytest.mark.parametrize("kind", PackKind)
@pytest.mark.parametrize("at", [0, 100, -200, -6, -1])
def test_a_flipped_byte_is_healed_from_a_replica(kind: PackKind, at: int) -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    (key,) = packs(repository, kind)
    flip(repository, key, at)
    report = mend(repository, replica=replica)
    assert key in {damage.object for damage in report.found.damage}
    assert report.ok
    assert report.packs_evacuated == 1
    assert_whole(repository, id_)


@pytest.mark.parametrize("kind", PackKind)
def test_a_missing_pack_is_healed_from_a_replica(kind: PackKind) -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    (key,) = packs(repository, kind)
    del objects_of(repository)[key]
    assert mend(repository, replica=replica).ok
    assert_whole(repository, id_)


def test_everything_at_once_is_healed_from_a_replica() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    for key in list(objects_of(repository)):
        if key.startswith(("packs/", "snapshots/")):
            del objects_of(repository)[key]
    report = mend(repository, replica=replica)
    assert report.ok
    assert report.manifests_healed == 1
    assert_whole(repository, id_)


def test_a_damaged_manifest_is_healed_from_a_replica() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    flip(repository, f"snapshots/{id_}", 60)
    assert not mend(repository).ok
    assert mend(repository, replica=replica).ok
    assert_whole(repository, id_)


def test_a_lost_catalogue_and_a_damaged_pack_are_healed_together() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    (key,) = packs(repository, PackKind.DATA)
    flip(repository, key, 100)
    catalogue = MemoryCatalogue()
    for record in repository.ledger.completed():
        catalogue.import_record(record)
    emptied = repository._replace(index=catalogue, ledger=catalogue)
    assert mend(emptied, replica=replica).ok
    assert_whole(emptied, id_)


def test_what_is_whole_in_a_damaged_pack_is_kept_and_the_rest_is_healed_from_the_source() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    (key,) = packs(repository, PackKind.DATA)
    flip(repository, key, 100)
    report = mend(repository)
    (left,) = report.left.damage
    assert (left.snapshots, left.files) == ([id_], ["scripted/large"])
    source = ScriptedSource({name.encode(): Script([data]) for name, data in FILES.items()})
    assert mend(repository, source=source).ok
    assert_whole(repository, id_)


def test_lost_nodes_are_made_again_from_an_unchanged_source() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    for key in [*packs(repository, PackKind.TREE), *packs(repository, PackKind.DATA)]:
        del objects_of(repository)[key]
    source = ScriptedSource({name.encode(): Script([data]) for name, data in FILES.items()})
    assert mend(repository, source=source).ok
    assert_whole(repository, id_)


def test_a_later_backup_stores_a_lost_chunk_again_and_heals_older_snapshots() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    (key,) = packs(repository, PackKind.DATA)
    flip(repository, key, 100)
    assert not mend(repository).ok
    snapshot(repository, FILES, user="bob")
    assert_whole(repository, id_)


def test_without_damage_nothing_is_written() -> None:
    repository = any_created()
    snapshot(repository, FILES)
    before = dict(objects_of(repository))
    report = mend(repository, replica=replica_of(repository))
    assert report.ok
    assert (report.packs_evacuated, report.bytes_stored) == (0, 0)
    assert objects_of(repository) == before


def test_damage_in_the_replica_is_not_copied() -> None:
    repository = any_created()
    snapshot(repository, FILES)
    (key,) = packs(repository, PackKind.DATA)
    flip(repository, key, 100)
    replica = replica_of(repository)
    assert not mend(repository, replica=replica).ok


def test_a_chunk_is_found_in_another_pack_of_the_replica() -> None:
    """The replica was pruned and compacted on its own: no pack of it has the name of ours."""
    repository = any_created()
    id_ = snapshot(repository, FILES)
    copy = MemoryObjects()
    copy.objects = dict(objects_of(repository))
    catalogue = MemoryCatalogue()
    other = repository._replace(objects=copy, index=catalogue, ledger=catalogue)
    for key in [key for key in copy.objects if key.startswith("packs/")]:
        del copy.objects[key]
    snapshot(other, FILES, user="bob")
    (key,) = packs(repository, PackKind.DATA)
    del objects_of(repository)[key]
    assert mend(repository, replica=Replica(repository, copy)).ok
    assert_whole(repository, id_)


def test_the_copy_of_another_repository_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the replica is of repository"):
        Replica(any_created(), any_created().objects)
    with pytest.raises(NotFound):
        Replica(any_created(), MemoryObjects())


def test_a_prune_at_work_is_not_disturbed() -> None:
    repository = any_created()
    now = repository.clock.now()
    repository.ledger.lock("prune", "someone", now + timedelta(hours=1), now)
    with pytest.raises(Conflict):
        mend(repository)


def test_what_is_lost_can_be_given_up_by_name() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES, tags=["t"])
    whole = snapshot(repository, {"small": FILES["small"]}, user="bob")
    (key, *_) = packs(repository, PackKind.DATA)
    flip(repository, key, 100)
    before = load_manifest(repository, id_)
    report = mend(repository, without_lost=True)
    assert report.ok
    (dropped,) = report.dropped
    assert (dropped.snapshot, dropped.paths) == (id_, (b"/scripted/large",))
    assert dropped.copy is not None
    copy = load_manifest(repository, dropped.copy)
    assert (copy.time, copy.user, copy.host, copy.tags) == (before.time, before.user, before.host, before.tags)
    assert not copy.is_complete
    assert copy.counts["files"] == 2
    rest = {name: data for name, data in FILES.items() if name != "large"}
    assert_whole(repository, dropped.copy, rest)
    assert {record.id for record in repository.ledger.completed()} == {whole, dropped.copy}
    assert {record.start for record in repository.ledger.get([dropped.copy]).values()} == {before.time}


def test_after_giving_up_the_next_backup_reads_what_was_lost() -> None:
    repository = any_created()
    source = {name.encode(): Script([data], fingerprint=b"same") for name, data in FILES.items()}
    create_snapshot(repository, ScriptedSource(source), user="ann", host="host")
    flip(repository, packs(repository, PackKind.DATA)[0], 100)
    assert mend(repository, without_lost=True).ok
    summary = create_snapshot(repository, ScriptedSource(source), user="ann", host="host")
    assert (summary.files_unchanged, summary.bytes_read) == (2, len(FILES["large"]))
    assert_whole(repository, summary.snapshot)


@pytest.mark.parametrize("kind", PackKind)
def test_after_giving_up_the_next_backup_reads_a_folder_that_did_not_change(tmp_path: Path, kind: PackKind) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name, data in FILES.items():
        (home / name).write_bytes(data)
        os.utime(home / name, (1_000_000, 1_000_000))
    repository = any_created()
    source = DirectorySource([os.fsencode(home)], now_ns=lambda: time.time_ns() + 10**9)  # nothing is fresh
    first = create_snapshot(repository, source, user="ann", host="host")
    flip(repository, packs(repository, kind)[0], 100)
    assert mend(repository, without_lost=True).ok
    summary = create_snapshot(repository, source, user="ann", host="host")
    assert (summary.files, summary.is_complete) == (first.files, True)
    assert_whole(repository, summary.snapshot)


@pytest.mark.parametrize("is_copied", [False, True])
def test_a_rebuilt_catalogue_does_not_point_at_a_damaged_pack_that_a_repair_emptied(is_copied: bool) -> None:
    """Where a compaction copied the damaged block, its pack has the right name."""
    repository = any_created()
    id_ = snapshot(repository, FILES)
    (bad,) = packs(repository, PackKind.DATA)
    flip(repository, bad, 100)
    if is_copied:
        (row,) = [row for row in repository.index.packs() if row.kind is PackKind.DATA]
        used = set(read_footer(repository.objects, repository.keyring, row.pack).chunks)
        compact(repository, [row], {row.pack: used}, NOBODY, lambda: None)
    assert not mend(repository).ok
    rebuild_catalogue(repository)
    snapshot(repository, FILES, user="bob")  # who meets the lost content, and is not told that it is stored
    assert_whole(repository, id_)


def test_a_folder_whose_list_is_lost_is_given_up_and_named() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    for key in packs(repository, PackKind.TREE):
        del objects_of(repository)[key]
    report = mend(repository, without_lost=True)
    assert report.ok
    assert report.dropped[0].paths == (b"/scripted",)
    assert contents_of(repository, report.dropped[0].copy or id_) == {}


def test_a_snapshot_without_manifest_is_given_up() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    flip(repository, f"snapshots/{id_}", 60)
    catalogue = MemoryCatalogue()
    for one in (repository, repository._replace(index=catalogue, ledger=catalogue)):
        report = mend(one, without_lost=True)
        assert (report.ok, report.dropped[0].copy) == (True, None) if report.dropped else True
        prune(one, owner="test")
        assert one.ledger.completed() == []


def test_a_manifest_without_record_that_is_damaged_too_is_healed_and_listed() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    replica = replica_of(repository)
    flip(repository, f"snapshots/{id_}", 60)
    catalogue = MemoryCatalogue()
    emptied = repository._replace(index=catalogue, ledger=catalogue)
    assert mend(emptied, replica=replica).ok
    assert_whole(emptied, id_)


def test_a_copy_in_another_pack_heals_without_a_replica() -> None:
    repository = any_created()
    id_ = snapshot(repository, FILES)
    other = MemoryCatalogue()
    blind = repository._replace(index=other)  # a writer that looked before the first had published
    snapshot(blind, FILES, user="bob")
    rebuild_catalogue(repository)
    flip(repository, packs(repository, PackKind.DATA)[0], 100)
    assert mend(repository).ok
    assert_whole(repository, id_)
