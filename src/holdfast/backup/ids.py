"""Names of things in a repository. Never bare `str` or `bytes` in a signature."""

from __future__ import annotations

from typing import NamedTuple, NewType

ChunkId = NewType("ChunkId", bytes)
"""32 bytes: the keyed BLAKE3 hash of a chunk's plaintext."""

PackId = NewType("PackId", str)
"""64 lower-case hex digits: the BLAKE3 hash of a pack's bytes."""

SnapshotId = NewType("SnapshotId", str)
"""32 lower-case hex digits, random; also the id of the session that makes the snapshot."""

RepositoryId = NewType("RepositoryId", str)
"""32 lower-case hex digits, random."""


class Place(NamedTuple):
    """Where a chunk is: the `ordinal`-th chunk of a pack's footer."""

    pack: PackId
    ordinal: int
