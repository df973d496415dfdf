"""Reading the SDK's descriptions of services for a third of what the SDK's own reader takes, which every run pays.

Of 100 ms of CPU for a client of S3 and one of DynamoDB, 15 went into listing the folders of 400 services, 15 into
ordered dictionaries, and 35 into looking for garbage among what is read and kept.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader, instance_cache


class _PlainFiles(JSONFileLoader):
    """Gives plain dictionaries, which keep their order too."""

    def _load_file(self, full_path: str, open_method: Callable[[str, str], Any]) -> Any:
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            return json.loads(file.read())


class ServiceModels(Loader):
    """The SDK's loader, which looks into the folders of those services alone that it is asked for.

    Args:
        folders: where the SDK's own would look.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__(list(folders), _PlainFiles(), include_default_search_paths=False)

    @instance_cache
    def list_available_services(self, type_name: str) -> list[str]:
        """Return every service there is a folder of; whether it has files of this type is seen when they are loaded."""
        folders = filter(Path.is_dir, map(Path, self.search_paths))
        return sorted({entry.name for folder in folders for entry in os.scandir(folder) if entry.is_dir()})


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Look for no cycles of objects inside the block, which makes many and drops few; after it they count as old."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # into the oldest generation: else the next collection looks at all of them
        if was_on:
            gc.enable()
