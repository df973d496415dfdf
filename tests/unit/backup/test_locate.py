from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import SnapshotId
from holdfast.backup.locate import list_below, locate, names_of, roots
from holdfast.backup.manifest import Manifest, SourceRoot
from holdfast.backup.tree_builders import NodeBuilder
from holdfast.errors import IntegrityError, NotFound
from tests.support.entries import DictChunks, any_entry, name_hash

CHUNKS = DictChunks()
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def folder(name: bytes, *entries: Entry) -> Entry:
    builder = NodeBuilder(CHUNKS.emit, name_hash)
    for entry in entries:
        builder.add(entry)
    nodes, levels = builder.finish()
    return Entry(name=name, kind=EntryKind.DIRECTORY, nodes=nodes, levels=levels)


def manifest(**sources: list[Entry]) -> Manifest:
    made = [SourceRoot(path.replace("_", "/").encode(), folder(b"x", *tops).nodes) for path, tops in sources.items()]
    return Manifest(id=SnapshotId("0" * 32), time=NOW, finished=NOW, host="h", user="u", sources=tuple(made))


HOME = folder(b"me", folder(b"docs", any_entry(b"a.txt"), any_entry(b"b.txt")), any_entry(b"z"))
ONE = manifest(_home_me=[HOME])
TWO = manifest(_home_me=[HOME], _etc=[folder(b"etc", any_entry(b"hosts"))])


@pytest.mark.parametrize(
    "path", [b"/home/me/docs/a.txt", b"docs/a.txt", b"./docs/a.txt", b"docs//a.txt/", b"/home/me/docs/./a.txt"]
)
def test_a_path_is_absolute_or_below_the_single_source(path: bytes) -> None:
    found = locate(CHUNKS, ONE, path)
    assert (found.path, found.entry.name) == (b"/home/me/docs/a.txt", b"a.txt")


@pytest.mark.parametrize("path", [b"/home/me", b"/home/me/"])
def test_a_source_is_found_by_its_path(path: bytes) -> None:
    assert locate(CHUNKS, TWO, path).entry == HOME


def test_the_root_folder_and_a_prefix_of_a_bucket_are_sources_too() -> None:
    slash = manifest(_=[folder(b"root", folder(b"etc", any_entry(b"hosts")))])
    assert locate(CHUNKS, slash, b"/etc/hosts").path == b"/etc/hosts"
    assert locate(CHUNKS, slash, b"/").entry.name == b"root"
    bucket = Manifest(
        id=SnapshotId("0" * 32), time=NOW, finished=NOW, host="h", user="u",
        sources=(SourceRoot(b"s3://bucket/users/1/", folder(b"x", folder(b"1", any_entry(b"k"))).nodes),),
    )  # fmt: skip
    assert locate(CHUNKS, bucket, b"s3://bucket/users/1/k").path == b"s3://bucket/users/1/k"
    assert locate(CHUNKS, bucket, b"k").entry.name == b"k"


@pytest.mark.parametrize("path", [b"/home", b"/home/me2", b"/home/me/none", b"/home/me/z/below", b"none", b"docs/a.tx"])
def test_a_path_that_is_not_there_is_not_found(path: bytes) -> None:
    with pytest.raises(NotFound, match="nothing at"):
        locate(CHUNKS, ONE, path)


def test_a_relative_path_needs_a_single_source() -> None:
    with pytest.raises(NotFound, match="which holds /home/me, /etc"):
        locate(CHUNKS, TWO, b"docs/a.txt")


def test_all_is_listed_depth_first() -> None:
    assert [found.path for found in list_below(CHUNKS, TWO)] == [
        b"/home/me", b"/home/me/docs", b"/home/me/docs/a.txt", b"/home/me/docs/b.txt", b"/home/me/z",
        b"/etc", b"/etc/hosts",
    ]  # fmt: skip
    assert [found.path for found in list_below(CHUNKS, TWO, b"/etc")] == [b"/etc", b"/etc/hosts"]
    assert [found.path for found in list_below(CHUNKS, ONE, b"z")] == [b"/home/me/z"]


def test_a_source_that_could_not_be_read_has_no_root() -> None:
    assert roots(CHUNKS, manifest(_gone=[])) == []


def test_a_source_of_two_roots_is_refused() -> None:
    with pytest.raises(IntegrityError, match="2 roots"):
        roots(CHUNKS, manifest(_x=[any_entry(b"a"), any_entry(b"b")]))


def test_names_of_a_path_never_lead_upwards() -> None:
    assert names_of(b"/../a/./b//../c\0/d") == (b"a", b"b", b"d")
