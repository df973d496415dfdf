"""The users' side: puts their files into the source bucket, changes them, and remembers what each user was promised."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from holdfast.rehearsal.corpus import Action, Change, Corpus, Document, OnDisk
from holdfast.rehearsal.measure_recovery import Files, Version

UPLOADERS = 6
STREAM_FROM_BYTES = 64 << 20
T = TypeVar("T")


@dataclass
class SourceBucket:
    """The bucket users keep their files in, and the digest and time of every version they put there."""

    client: Any
    bucket: str
    prefix: str
    now: Callable[[], float]
    held: dict[str, dict[str, Version]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def snapshot(self) -> Mapping[str, Files]:
        """Return what every user holds at this moment."""
        return {user: dict(files) for user, files in self.held.items()}

    def upload(self, corpus: Corpus, progress: Callable[[int, int], None]) -> None:
        """Put every file; `progress` hears of the files and bytes put so far."""
        wanted = [(user, path, document) for user, files in corpus.items() for path, document in files.items()]
        done = [0, 0]

        def put(item: tuple[str, str, Document]) -> None:
            user, path, document = item
            size = self.put(user, path, document)
            with self._lock:
                done[0] += 1
                done[1] += size
                if done[0] % 50 == 0 or done[0] == len(wanted):
                    progress(*done)

        in_threads(put, wanted)

    def apply(self, after: Corpus, changes: Sequence[Change]) -> None:
        """Make the bucket hold `after`, given what was changed."""

        def one(made: Change) -> None:
            gone = made.path if made.action is Action.DELETE else made.old_path
            if made.action is not Action.DELETE:
                self.put(made.user, made.path, after[made.user][made.path])
            if gone is not None:
                self.client.delete_object(Bucket=self.bucket, Key=self.key(made.user, gone))
                with self._lock:
                    del self.held[made.user][gone]

        in_threads(one, changes)

    def put(self, user: str, path: str, document: Document) -> int:
        """Put one file and remember it; return its size in bytes."""
        digest, size = self._send(self.key(user, path), document)
        with self._lock:
            self.held.setdefault(user, {})[path] = Version(digest, size, self.now())
        return size

    def key(self, user: str, path: str) -> str:
        """Return the object key of a user's file."""
        return f"{self.prefix}{user}/{path}"

    def _send(self, key: str, document: Document) -> tuple[str, int]:
        base = document.base
        if isinstance(base, OnDisk) and base.size > STREAM_FROM_BYTES and not document.edits:
            return self._stream(key, base)
        content = document.content()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        return hashlib.sha256(content).hexdigest(), len(content)

    def _stream(self, key: str, base: OnDisk) -> tuple[str, int]:
        with base.path.open("rb") as file:
            self.client.upload_fileobj(file, self.bucket, key)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def in_threads(work: Callable[[T], None], items: Iterable[T], threads: int = UPLOADERS) -> None:
    """Do `work` on every item; after an error or a Ctrl-C nothing new begins, and it rises once the rest ended."""
    with ThreadPoolExecutor(threads, thread_name_prefix="rehearsal") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
