from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.repository import Repository
from holdfast.backup.snapshots import figures_of, find_parent, list_snapshots, resolve, sources_token
from holdfast.errors import HoldfastError, IntegrityError, InvalidRequest, NotFound
from tests.support.backups import back_up
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository, flip


def with_ids(tmp_path: Path, *ids: str) -> Repository:
    repository = any_repository()
    for id_ in ids:
        full = SnapshotId(id_.ljust(32, "0"))
        back_up(repository, tmp_path, new_id=lambda full=full: full, tags=(id_,))
        repository.clock.sleep(60)
    return repository


def test_latest_is_the_newest(tmp_path: Path) -> None:
    repository = with_ids(tmp_path, "ff", "aa")
    assert resolve(repository, "latest") == "aa".ljust(32, "0")


def test_the_start_of_one_id_is_enough(tmp_path: Path) -> None:
    repository = with_ids(tmp_path, "ab", "ac")
    assert resolve(repository, "ab") == "ab".ljust(32, "0")
    assert resolve(repository, "ac".ljust(32, "0")) == "ac".ljust(32, "0")


def test_the_start_of_several_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="any of 2"):
        resolve(with_ids(tmp_path, "ab", "ac"), "a")


@pytest.mark.parametrize("text", ["", "xyz", "AB", "../x", "0" * 33, "LATEST"])
def test_what_is_no_id_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match="hex digits"):
        resolve(with_ids(tmp_path, "ab"), text)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no snapshot 'cd'"):
        resolve(with_ids(tmp_path, "ab"), "cd")
    with pytest.raises(NotFound, match="holds no snapshot"):
        resolve(any_repository(), "latest")


def refuse(_: SnapshotId, error: HoldfastError) -> None:
    raise error


def test_a_damaged_or_lost_manifest_is_told_and_the_others_are_listed() -> None:
    repository = any_repository()
    forgotten, lost, damaged, kept = (_later(repository, name) for name in "abcd")
    flip(repository, f"snapshots/{damaged}", 20)
    for id_ in (lost, forgotten):
        repository.objects.delete(f"snapshots/{id_}")
    told: list[tuple[SnapshotId, type[HoldfastError]]] = []
    listed = list_snapshots(repository, on_damage=lambda id_, error: told.append((id_, type(error))))
    assert next(listed).record.id == kept
    repository.ledger.forget([forgotten])  # and pruned, between the look at the ledger and at the manifest
    assert list(listed) == []
    assert told == [(damaged, IntegrityError), (lost, NotFound)]


def _later(repository: Repository, name: str) -> SnapshotId:
    repository.clock.sleep(60)
    return snapshot(repository, {name: b"text"})


def test_snapshots_are_listed_newest_first_and_filtered(tmp_path: Path) -> None:
    repository = with_ids(tmp_path, "aa", "bb")
    back_up(repository, tmp_path, host="other", user="someone")
    assert [one.manifest.tags for one in list_snapshots(repository, on_damage=refuse, host="host")] == [
        ("bb",),
        ("aa",),
    ]
    assert [one.manifest.tags for one in list_snapshots(repository, on_damage=refuse, tag="aa")] == [("aa",)]
    assert [one.record.user for one in list_snapshots(repository, on_damage=refuse, user="someone")] == ["someone"]


def test_a_rebuilt_record_without_figures_still_finds_the_parent(tmp_path: Path) -> None:
    repository = any_repository()
    summary = back_up(repository, tmp_path)
    manifest = load_manifest(repository, summary.snapshot)
    paths = [source.path for source in manifest.sources]
    assert figures_of(manifest, repository.keyring)["sources"] == sources_token(repository.keyring, paths)
    found = find_parent(repository, "user", "host", paths)
    assert found is not None
    assert found.id == summary.snapshot
    assert find_parent(repository, "user", "host", [b"/elsewhere"]) is None
