"""The users' side: puts their files into the source bucket, changes them, and remembers what each user was promised."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

from holdfast.rehearsal.corpus import Action, Change, Corpus, Document, OnDisk
from holdfast.rehearsal.in_child import Child
from holdfast.rehearsal.measure_recovery import Files, Version
from holdfast.rehearsal.ports import EmbeddedAws

UPLOADERS = 4
UPLOADING_PROCESSES = 2
POLL_SECONDS = 0.5
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

    def upload(self, corpus: Corpus) -> None:
        """Put every file."""
        wanted = [(user, path, document) for user, files in corpus.items() for path, document in files.items()]
        in_threads(lambda item: self.put(*item), wanted)

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

    def put(self, user: str, path: str, document: Document) -> None:
        """Put one file and remember it."""
        digest, size = self._send(self.key(user, path), document)
        with self._lock:
            self.held.setdefault(user, {})[path] = Version(digest, size, self.now())

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


def upload_in_children(source: SourceBucket, corpus: Corpus, aws: EmbeddedAws, region: str) -> Iterator[int]:
    """Put every file from two processes, and yield how many files are put so far; then `source` knows them all.

    The SDK takes most of an upload's time, and of one process it gets one processor.
    """
    users = list(corpus)
    parts = [{user: corpus[user] for user in users[start::UPLOADING_PROCESSES]} for start in range(UPLOADING_PROCESSES)]
    before = _puts(aws)
    with ExitStack() as stack:
        children = [
            stack.enter_context(Child(_upload_part, aws, region, source.bucket, source.prefix, part))
            for part in parts
            if part
        ]
        for child in children:
            while not child.is_done(POLL_SECONDS):
                yield _puts(aws) - before
        for child in children:
            source.held.update(child.result())
    source.held = dict(sorted(source.held.items()))


def _puts(aws: EmbeddedAws) -> int:
    return aws.requests().get("s3.PutObject", 0)


def _upload_part(
    aws: EmbeddedAws, region: str, bucket: str, prefix: str, part: Corpus
) -> dict[str, dict[str, Version]]:
    source = SourceBucket(aws.client("s3", region), bucket, prefix, now=time.time)
    source.upload(part)
    return source.held


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
