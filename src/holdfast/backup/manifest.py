"""What one snapshot contains: where its trees start, whose it is, when and how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.sources import Skipped
from holdfast.backup.wire import Fields, pack, unpack
from holdfast.errors import NotFound

if TYPE_CHECKING:
    from holdfast.backup.ports import ObjectStore
    from holdfast.backup.repository import Repository

PREFIX = "snapshots/"
PURPOSE = "manifest"
MAX_SKIPPED = 1000
"""A manifest names this many skipped paths; `counts` has the whole number."""


class SourceRoot(NamedTuple):
    """One source: its path and the nodes that hold one entry, the source itself."""

    path: bytes
    root: tuple[ChunkId, ...]


class Manifest(NamedTuple):
    """A snapshot as stored. Times are UTC; `counts` are numbers for people."""

    id: SnapshotId
    time: datetime
    finished: datetime
    host: str
    user: str
    tags: tuple[str, ...] = ()
    sources: tuple[SourceRoot, ...] = ()
    parent: SnapshotId | None = None
    packs_added: tuple[PackId, ...] = ()
    counts: Mapping[str, int] = MappingProxyType({})
    skipped: tuple[Skipped, ...] = ()
    program: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether everything the sources held is in it."""
        return not self.counts.get("skipped")

    @property
    def roots(self) -> tuple[ChunkId, ...]:
        """The nodes of all sources."""
        return tuple(node for source in self.sources for node in source.root)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest's msgpack form."""
    return pack(
        {
            "id": manifest.id,
            "time": _to_text(manifest.time),
            "finished": _to_text(manifest.finished),
            "host": manifest.host,
            "user": manifest.user,
            "tags": manifest.tags,
            "sources": [{"path": source.path, "root": source.root} for source in manifest.sources],
            "parent": manifest.parent or "",
            "packs_added": [bytes.fromhex(pack_id) for pack_id in manifest.packs_added],
            "counts": dict(manifest.counts),
            "skipped": [{"path": skipped.path, "reason": skipped.reason} for skipped in manifest.skipped[:MAX_SKIPPED]],
            "program": manifest.program,
        }
    )


def decode_manifest(data: bytes, id_: SnapshotId) -> Manifest:
    """Return the manifest that `data` spells.

    Raises:
        IntegrityError: not a manifest, or that of another snapshot.
    """
    what = f"manifest {id_}"
    fields = Fields(unpack(data, what), what)
    if fields.get("id", str) != id_:
        raise fields.refusal("names another snapshot")
    counts = Fields(fields.get("counts", dict, {}), what)
    return Manifest(
        id=id_,
        time=_to_time(fields, "time"),
        finished=_to_time(fields, "finished"),
        host=fields.get("host", str),
        user=fields.get("user", str),
        tags=tuple(fields.list_of("tags", str)),
        sources=tuple(_to_source(Fields(source, what)) for source in fields.list_of("sources", dict)),
        parent=SnapshotId(parent) if (parent := fields.get("parent", str, "")) else None,
        packs_added=tuple(PackId(id_.hex()) for id_ in fields.ids("packs_added")),
        counts={name: counts.integer(name) for name in counts.names()},
        skipped=tuple(_to_skipped(Fields(skipped, what)) for skipped in fields.list_of("skipped", dict)),
        program=fields.get("program", str, ""),
    )


def _to_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _to_time(fields: Fields, key: str) -> datetime:
    try:
        return datetime.fromisoformat(fields.get(key, str)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise fields.refusal(f"has no time for '{key}'") from error


def _to_source(fields: Fields) -> SourceRoot:
    return SourceRoot(fields.get("path", bytes), tuple(ChunkId(node) for node in fields.ids("root")))


def _to_skipped(fields: Fields) -> Skipped:
    return Skipped(fields.get("path", bytes), fields.get("reason", str))


def put_manifest(repository: Repository, manifest: Manifest) -> None:
    """Store the sealed manifest, durable on return; storing the same id again changes nothing."""
    sealed = repository.keyring.seal(PURPOSE, manifest.id.encode(), encode_manifest(manifest))
    repository.objects.put(PREFIX + manifest.id, sealed)


def load_manifest(repository: Repository, id_: SnapshotId) -> Manifest:
    """Return a snapshot's manifest, whether its record is completed or not.

    Raises:
        NotFound: there is none.
        IntegrityError: its bytes are not what was written.
    """
    return open_manifest(repository, id_, sealed_manifest(repository.objects, id_))


def sealed_manifest(objects: ObjectStore, id_: SnapshotId) -> bytes:
    """Return a snapshot's manifest as it is stored; raise NotFound if there is none."""
    try:
        return objects.get(PREFIX + id_)
    except NotFound as error:
        raise NotFound(f"the manifest of snapshot {id_} is missing; run `holdfast verify`") from error


def open_manifest(repository: Repository, id_: SnapshotId, sealed: bytes) -> Manifest:
    """Return the manifest that `sealed` holds; raise IntegrityError if its bytes are not what was written."""
    return decode_manifest(repository.keyring.open(PURPOSE, id_.encode(), sealed), id_)


def manifest_ids(repository: Repository) -> Iterator[SnapshotId]:
    """Yield the id of every manifest object, acknowledged or not, in id order."""
    for stored in repository.objects.list(PREFIX):
        yield SnapshotId(stored.key.removeprefix(PREFIX))
