from __future__ import annotations

import hashlib
import threading
from itertools import count
from typing import Any

import pytest

from holdfast.rehearsal.corpus import change, generate
from holdfast.rehearsal.steps_source import SourceBucket, in_threads


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self.objects[Key]


def source(client: Any) -> SourceBucket:
    ticks = count(1.0)
    return SourceBucket(client, "source", "users/", now=lambda: next(ticks))


def test_bucket_and_memory_agree_after_upload_and_every_kind_of_change() -> None:
    bucket = Bucket()
    users = source(bucket)
    corpus = generate(12, files_per_user=6, seed="test")
    users.upload(corpus)
    after, changes = change(corpus, 20, seed="day 2")
    users.apply(after, changes)
    wanted = {f"users/{user}/{path}": file.content() for user, files in after.items() for path, file in files.items()}
    assert bucket.objects == wanted
    held = {
        users.key(user, path): version for user, files in users.snapshot().items() for path, version in files.items()
    }
    assert {key: (one.sha256, one.size) for key, one in held.items()} == {
        key: (hashlib.sha256(content).hexdigest(), len(content)) for key, content in wanted.items()
    }


def test_only_what_changed_gets_a_new_time() -> None:
    users = source(Bucket())
    corpus = generate(12, files_per_user=6, seed="test")
    users.upload(corpus)
    before = users.snapshot()
    after, changes = change(corpus, 10, seed="day 2")
    users.apply(after, changes)
    touched = {(made.user, made.path) for made in changes}
    for user, files in users.snapshot().items():
        for path, version in files.items():
            assert ((user, path) in touched) == (before[user].get(path) != version)


def test_after_an_error_nothing_new_begins() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> None:
        with lock:
            begun.append(item)
        if item == 0:
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        in_threads(work, range(100_000), threads=2)
    assert len(begun) < 100_000
