"""The ring of a repository's secrets: sealed by a master key, and which one is current.

`docs/design/repository-format.md`, section Keys, says how a rotation makes the next one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from blake3 import blake3

from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_sizes import KEY_BYTES
from holdfast.backup.ports import ObjectStore
from holdfast.backup.sealing import MASTER_GENERATION, Opener, Ring, Sealer
from holdfast.backup.slot import FOLDER
from holdfast.backup.wire import Fields, pack, unpack
from holdfast.errors import InvalidRequest

PREFIX = f"{FOLDER}ring-"
FIRST = 1
"""The ring that stands in `config`."""
SEALS_DIGITS = 32
MOST_DIGITS = 6


class SealedRing(NamedTuple):
    """A ring as it is stored. `seals` is the short hash by which a slot names the ring that its master key opens."""

    number: int
    data: bytes

    @property
    def seals(self) -> str:
        """Return the first hex digits of the hash of the stored bytes."""
        return blake3(self.data).hexdigest()[:SEALS_DIGITS]


def ring_key(number: int) -> str:
    """Return the object key of a ring that is not the first."""
    return f"{PREFIX}{number}"


def newest_ring_number(objects: ObjectStore) -> int:
    """Return the number of the current ring."""
    return newest_of(stored.key for stored in objects.list(PREFIX))


def newest_of(keys: Iterable[str]) -> int:
    """Return the number of the current ring, where these are the keys of all rings, and of other objects."""
    suffixes = [key.removeprefix(PREFIX) for key in keys if key.isascii()]
    return max([FIRST, *(int(text) for text in suffixes if text.isdigit() and len(text) <= MOST_DIGITS)])


def read_ring(objects: ObjectStore, config: Mapping[str, Any], number: int) -> SealedRing:
    """Return a ring as it is stored; raise NotFound if there is none of this number."""
    return SealedRing(number, base64.b64decode(config["ring"]) if number == FIRST else objects.get(ring_key(number)))


def seal_ring(ring: Ring, limits: ChunkLimits, master: bytes, repository: RepositoryId, *, number: int) -> SealedRing:
    """Seal the secrets under a master key, bound to the repository and the ring's number."""
    body = pack(
        {
            "id": ring.id_key,
            "chunker": ring.chunker,
            "generations": [[number_, key] for number_, key in sorted(ring.generations.items())],
            "limits": {"least": limits.least, "average": limits.average, "most": limits.most},
        }
    )
    return SealedRing(number, Sealer(MASTER_GENERATION, master).seal("ring", _context(repository, number), body))


def open_ring(sealed: SealedRing, master: bytes, repository: RepositoryId) -> tuple[Ring, ChunkLimits]:
    """Return the secrets.

    Raises:
        IntegrityError: damaged, of another repository or number, or not what a ring holds.
    """
    body = Opener({MASTER_GENERATION: master}).open("ring", _context(repository, sealed.number), sealed.data)
    return decode_ring(body)


def decode_ring(body: bytes) -> tuple[Ring, ChunkLimits]:
    """Return the secrets that an opened ring spells; raise IntegrityError as `open_ring` does."""
    fields = Fields(unpack(body, "the key ring"), "the key ring")
    generations: dict[int, bytes] = {}
    for pair in fields.list_of("generations", list):
        if len(pair) != 2 or type(pair[0]) is not int or pair[0] <= MASTER_GENERATION or not _is_key(pair[1]):
            raise fields.refusal("has a generation that is no number and key")
        generations[pair[0]] = pair[1]
    ring = Ring(fields.get("id", bytes), fields.get("chunker", bytes), generations)
    if not generations or not _is_key(ring.id_key) or not _is_key(ring.chunker):
        raise fields.refusal("lacks a key")
    limits = Fields(fields.get("limits", dict), "the key ring")
    return ring, _limits(limits)


def _limits(fields: Fields) -> ChunkLimits:
    try:
        limits = ChunkLimits(fields.integer("least"), fields.integer("average"), fields.integer("most"))
        return limits.checked()
    except InvalidRequest as error:
        raise fields.refusal("has limits that cut nothing") from error


def _is_key(value: object) -> bool:
    return type(value) is bytes and len(value) == KEY_BYTES


def _context(repository: RepositoryId, number: int) -> bytes:
    return f"{repository}/{number}".encode()
