"""Files whose content is a repository's own bytes are only files: nothing reads them as packs, nodes or manifests."""

from __future__ import annotations

from holdfast.backup.ids import SnapshotId
from holdfast.backup.manifest import load_manifest
from holdfast.backup.prune import prune
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.verify import verify
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository, contents_of, noise, objects_of


def nodes_of(repository: Repository, id_: SnapshotId) -> dict[str, bytes]:
    reader = ChunkReader(repository)
    return {f"node {n}": reader.read(root) for n, root in enumerate(load_manifest(repository, id_).roots)}


def with_lookalikes() -> tuple[Repository, SnapshotId, SnapshotId, dict[str, bytes]]:
    """A snapshot, and one of every object and node the first one made, as files."""
    repository = any_repository()
    first = snapshot(repository, {"one": noise(60_000), "two": b"two"})
    contents = {key.replace("/", "-"): data for key, data in objects_of(repository).items()}
    contents |= nodes_of(repository, first)
    return repository, first, snapshot(repository, contents), contents


def test_objects_and_nodes_as_files_come_back_as_files() -> None:
    repository, first, second, contents = with_lookalikes()
    assert len(contents) >= 4
    assert contents_of(repository, second) == contents
    assert contents_of(repository, first).keys() == {"one", "two"}
    assert verify(repository, read_data=True).ok


def test_a_catalogue_rebuilt_from_packs_lists_what_was_backed_up_and_nothing_that_looks_so() -> None:
    repository, first, second, contents = with_lookalikes()
    before = {row.pack for row in repository.index.packs()}
    catalogue = MemoryCatalogue()
    again = repository._replace(index=catalogue, ledger=catalogue)
    rebuild_catalogue(again)
    assert {record.id for record in again.ledger.completed()} == {first, second}
    assert {row.pack for row in again.index.packs()} == before
    assert contents_of(again, second) == contents


def test_what_only_a_file_names_is_collected() -> None:
    """The second snapshot holds the bytes of a node that names chunks of the first: that keeps none of them."""
    repository, first, second, contents = with_lookalikes()
    repository.ledger.forget([first])
    sizes = sum(row.size for row in repository.index.packs())
    for _ in range(2):
        prune(repository, owner="p")
    assert contents_of(repository, second) == contents
    assert sum(row.size for row in repository.index.packs()) < sizes - 50_000
    assert verify(repository, read_data=True).ok
