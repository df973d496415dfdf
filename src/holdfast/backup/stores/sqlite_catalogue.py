"""The catalogue of a local repository: chunk index and ledger in one SQLite file."""

from __future__ import annotations

from holdfast.backup.stores.sqlite_chunk_index import SqliteChunkIndex
from holdfast.backup.stores.sqlite_ledger import SqliteLedger


class SqliteCatalogue(SqliteChunkIndex, SqliteLedger):
    """Chunk index and ledger of one local repository, for many processes of one machine."""
