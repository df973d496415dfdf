"""A copy of a repository's objects: what heals it. Read only, and nothing read from it is believed unchecked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.manifest import PREFIX as MANIFESTS
from holdfast.backup.manifest import load_manifest
from holdfast.backup.mark import LOOKUP_BATCH, batches
from holdfast.backup.pack import name_of, pack_key, pack_of_key
from holdfast.backup.ports import ObjectStore, PackKind
from holdfast.backup.reader import ChunkReader
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repository import Repository, read_config
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.stores.read_only import ReadOnlyObjects
from holdfast.backup.verify import Damage
from holdfast.errors import IntegrityError, InvalidRequest, NotFound


class Replica:
    """What a copy of `repository` has whole. Its own catalogue, if it has one, is not used: it may be older.

    Raises:
        NotFound: the copy has no config.
        InvalidRequest: it is a copy of another repository.
    """

    def __init__(self, repository: Repository, objects: ObjectStore) -> None:
        found = read_config(objects)["id"]
        if found != repository.id:
            raise InvalidRequest(f"the replica is of repository {found}, not of {repository.id}; name a copy of this")
        catalogue = MemoryCatalogue()
        kept = ReadOnlyObjects(objects, "a replica is only read")
        self._repository = repository._replace(objects=kept, index=catalogue, ledger=catalogue)
        self._known = False

    def manifest(self, id_: SnapshotId) -> bytes | None:
        """Return a snapshot's sealed manifest, if the copy has it whole."""
        try:
            load_manifest(self._repository, id_)
            return self._repository.objects.get(MANIFESTS + id_)
        except (NotFound, IntegrityError):
            return None

    def pack(self, pack: PackId) -> bytes | None:
        """Return a whole pack, if the copy has every byte of it as its name says."""
        try:
            data = self._repository.objects.get(pack_key(pack))
        except NotFound:
            return None
        return data if name_of(data) == pack else None

    def chunks(self, wanted: Collection[ChunkId]) -> Iterator[tuple[PackKind, bytes]]:
        """Yield those of the chunks that any pack of the copy holds whole. The first call reads all its footers."""
        if not self._known:
            rebuild_catalogue(self._repository)
            self._known = True
        kinds = {row.pack: row.kind for row in self._repository.index.packs()}
        reader = ChunkReader(self._repository)
        for batch in batches(wanted, LOOKUP_BATCH):
            for chunk, place in self._repository.index.readable(batch).items():
                with suppress(IntegrityError):
                    yield kinds[place.pack], reader.read(chunk)

    def has(self, damage: Damage) -> bool:
        """Say whether the copy holds all that this damage cost."""
        pack = pack_of_key(damage.object)
        if pack is not None and self.pack(pack) is not None:
            return True
        if damage.object.startswith(MANIFESTS):
            return self.manifest(SnapshotId(damage.object.removeprefix(MANIFESTS))) is not None
        return bool(damage.chunks) and sum(1 for _ in self.chunks(damage.chunks)) == len(damage.chunks)
