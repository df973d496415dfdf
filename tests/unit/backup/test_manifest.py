from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import MAX_SKIPPED, Manifest, SourceRoot, decode_manifest, encode_manifest
from holdfast.backup.sources import Skipped
from holdfast.backup.wire import pack, unpack
from holdfast.errors import IntegrityError

ID = SnapshotId("0" * 31 + "1")
MANIFEST = Manifest(
    id=ID,
    time=datetime(2026, 11, 21, 2, 0, 0, 123456, UTC),
    finished=datetime(2026, 11, 21, 2, 5, tzinfo=UTC),
    host="server",
    user="user-0001",
    tags=("daily", "älter"),
    sources=(SourceRoot(b"/home/\xff", (ChunkId(b"n" * 32),)), SourceRoot(b"/etc", (ChunkId(b"m" * 32),))),
    parent=SnapshotId("0" * 32),
    packs_added=(PackId("ab" * 32),),
    counts={"files": 3, "bytes_read": 10**13},
    skipped=(Skipped(b"/etc/\xfe", "permission denied"),),
    program="holdfast 0.1.0",
)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode_manifest(encode_manifest(MANIFEST), ID) == MANIFEST


def test_times_are_utc_whatever_they_were() -> None:
    east = MANIFEST._replace(time=MANIFEST.time.astimezone(timezone(timedelta(hours=5))))
    assert encode_manifest(east) == encode_manifest(MANIFEST)


def test_a_manifest_of_another_snapshot_is_refused() -> None:
    with pytest.raises(IntegrityError, match="another snapshot"):
        decode_manifest(encode_manifest(MANIFEST), SnapshotId("f" * 32))


def test_a_manifest_with_skipped_paths_is_incomplete_and_names_at_most_1000() -> None:
    skipped = tuple(Skipped(b"/%d" % n, "gone") for n in range(2 * MAX_SKIPPED))
    stored = decode_manifest(encode_manifest(MANIFEST._replace(skipped=skipped, counts={"skipped": len(skipped)})), ID)
    assert not stored.is_complete
    assert stored.skipped == skipped[:MAX_SKIPPED]
    assert MANIFEST.is_complete


@pytest.mark.parametrize(
    "change",
    [
        {"time": "yesterday"},
        {"time": 5},
        {"host": b"bytes"},
        {"tags": [1]},
        {"sources": [[]]},
        {"sources": [{"path": "text", "root": []}]},
        {"sources": [{"path": b"/", "root": [b"short"]}]},
        {"counts": {"files": -1}},
        {"counts": {b"files": 1}},
        {"counts": {"files": "many"}},
        {"packs_added": [b"short"]},
        {"skipped": [{"path": b"x"}]},
    ],
)
def test_hostile_manifests_are_refused(change: dict[str, object]) -> None:
    values = unpack(encode_manifest(MANIFEST), "it")
    assert isinstance(values, dict)
    with pytest.raises(IntegrityError):
        decode_manifest(pack({**values, **change}), ID)
