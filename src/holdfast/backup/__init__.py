"""The backup engine: deduplicating, encrypted, incremental. `docs/design/repository-format.md` is its contract."""
