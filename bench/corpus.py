"""A deterministic corpus of many users: the same seed, size and shape give the same bytes on every machine.

Sizes follow a long tail: most files are a few KiB, most bytes are in a few large ones. Half of each user's bytes come
from a pool that all users share. Text shrinks to about a third, records to about half, media not at all.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
WORDS = 4096
TEXT, RECORDS, MEDIA = "txt", "csv", "jpg"
KINDS = (TEXT, RECORDS, MEDIA)
KIND_SHARES = (0.35, 0.25, 0.40)
FILES_PER_FOLDER = 12
SHARED_SEED = 20261121
"""Of the pool and the words: corpora of any seed share them."""
POOL = 8
"""The pool holds so many users' bytes; each takes half of his from it."""
LARGE_SHARE = 0.30
"""Share of a user's bytes in files of several MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a corpus looks like: total bytes and users; the seed is that of what users have of their own."""

    size: int
    users: int
    seed: int = 1


def make(folder: Path, shape: Shape) -> None:
    """Write the corpus below `folder`, one folder a user."""
    words = _words(random.Random(SHARED_SEED))
    per_user = shape.size // shape.users
    pool = list(_files(random.Random(SHARED_SEED + 1), per_user * POOL))
    for user in range(shape.users):
        rng = random.Random(f"{shape.seed} {user}")
        own = list(_files(rng, per_user // 2))
        shared = _pick(rng, pool, per_user - per_user // 2)
        files = [*own, *shared]
        rng.shuffle(files)
        for number, file in enumerate(files):
            path = folder / f"user{user:04}" / _folder(number) / f"{number:05}.{file.kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(file, words))


def _folder(number: int) -> str:
    folder = number // FILES_PER_FOLDER
    return f"p{folder // 8:03}/d{folder % 8}"


@dataclass(frozen=True, slots=True)
class File:
    """One file to be: its bytes follow from these three alone."""

    seed: int
    kind: str
    size: int


def _files(rng: random.Random, size: int) -> Iterator[File]:
    left = size
    large = int(size * LARGE_SHARE)
    while left > 0:
        most = rng.randint(1, 16) * MIB if large > MIB else 4 * MIB
        bytes_ = min(left, most if large > MIB else int(rng.lognormvariate(10.2, 1.9)) + 1, 16 * MIB)
        large -= bytes_
        left -= bytes_
        yield File(rng.getrandbits(48), rng.choices(KINDS, KIND_SHARES)[0], bytes_)


def _pick(rng: random.Random, pool: list[File], size: int) -> Iterator[File]:
    left = size
    while left > 0:
        file = rng.choice(pool)
        if file.size <= left or left < MIB:
            left -= file.size
            yield file


def _words(rng: random.Random) -> list[bytes]:
    return [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 11))) for _ in range(WORDS)]


def content(file: File, words: list[bytes]) -> bytes:
    """Return the file's bytes."""
    rng = random.Random(file.seed)
    if file.kind == MEDIA:
        return rng.randbytes(file.size)
    parts, size = [], 0
    while size < file.size:
        part = _text(rng, words) if file.kind == TEXT else _records(rng)
        parts.append(part)
        size += len(part)
    return b"".join(parts)[: file.size]


def _text(rng: random.Random, words: list[bytes]) -> bytes:
    # A Zipf-like choice: squares of a uniform number favour the first words.
    return b" ".join([words[int(WORDS * rng.random() ** 2.5)] for _ in range(800)]) + b"\n"


def _records(rng: random.Random) -> bytes:
    number = rng.getrandbits(40)
    return b"".join(b"%d,%08x,2026-11-%02d,ok\n" % (number + n, rng.getrandbits(32), n % 28 + 1) for n in range(200))


def change(folder: Path, share: float, *, seed: int) -> int:
    """Edit `share` of the files (start, middle, end in turn), delete, add and rename a quarter as many; return bytes.

    The bytes returned are those of the files touched.
    """
    rng = random.Random(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = rng.sample(files, max(4, int(len(files) * share)))
    quarter = max(1, len(chosen) // 4)
    touched = 0
    for number, path in enumerate(chosen):
        data = path.read_bytes()
        touched += len(data)
        at = (0, len(data) // 2, len(data))[number % 3]
        path.write_bytes(data[:at] + rng.randbytes(rng.randint(1, 4096)) + data[at:])
    others = rng.sample(sorted(set(files) - set(chosen)), 3 * quarter)
    for path in others[:quarter]:
        path.unlink()
    for path in others[quarter : 2 * quarter]:
        path.rename(path.with_name(f"renamed-{path.name}"))
    for path in others[2 * quarter :]:
        size = rng.randint(1, 256 * 1024)
        path.with_name(f"added-{path.name}").write_bytes(rng.randbytes(size))
        touched += size
    return touched


def make_small_files(folder: Path, count: int, *, seed: int = 42) -> None:
    """Write `count` text files of 9.5 KB on average, 50 a folder."""
    rng = random.Random(seed)
    words = _words(rng)
    for number in range(count):
        path = folder / f"{number // 2500:03}" / f"{number // 50 % 50:02}" / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = min(int(rng.lognormvariate(8.4, 1.2)) + 1, 32 * 1024 - 1)
        path.write_bytes(content(File(rng.getrandbits(48), TEXT, size), words))


def make_large_file(path: Path, size: int, *, seed: int = 7) -> None:
    """Write one file: stretches of text, records and media in turn, 8 MiB each."""
    rng = random.Random(seed)
    words = _words(rng)
    with path.open("wb") as file:
        for number, offset in enumerate(range(0, size, 8 * MIB)):
            piece = File(rng.getrandbits(48), KINDS[number % 3], min(8 * MIB, size - offset))
            file.write(content(piece, words))


def clear(folder: Path) -> None:
    """Remove a folder, whatever is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path) -> tuple[int, int]:
    """Return how many files there are below `folder`, and their bytes."""
    count = size = 0
    for above, _, names in os.walk(folder):
        for name in names:
            count += 1
            size += (Path(above) / name).lstat().st_size
    return count, size
