"""Bytes that compress and deduplicate as the real kinds of file do; every byte follows from the seed."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable
from enum import StrEnum


class Kind(StrEnum):
    """What a generated file pretends to be."""

    TEXT = "text"
    CSV = "csv"
    JSON = "json"
    LOG = "log"
    OFFICE = "office"
    PDF = "pdf"
    IMAGE = "image"


_SYLLABLES = "ba|co|da|fe|gu|hi|jo|ka|le|mi|no|pa|qui|ro|su|ta|ve|wo|xa|zi|ber|con|der|gen|ing|lan|men|ner|ous|per|ter"
_SENTENCES = 4_096


@functools.cache
def _sentences() -> list[str]:
    chance = random.Random("language")
    syllables = _SYLLABLES.split("|")
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(6_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]  # few words are common, most are rare
    drawn = iter(chance.choices(words, weights, k=_SENTENCES * 12))
    return [" ".join(next(drawn) for _ in range(12)).capitalize() + ". " for _ in range(_SENTENCES)]


def _text(chance: random.Random, size: int) -> bytes:
    sentences = _sentences()
    return _fill(size, lambda: "".join(chance.choices(sentences, k=32)) + "\n")


def _csv(chance: random.Random, size: int) -> bytes:
    def rows() -> str:
        return "".join(
            f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d},{number >> 27},{number & 0xFFFF}.{number % 97:02d},EUR\n"
            for number in (chance.getrandbits(40) for _ in range(64))
        )

    return _fill(size, rows, "date,customer,amount,currency\n")


def _json(chance: random.Random, size: int) -> bytes:
    sentences = _sentences()

    def record() -> str:
        texts = chance.choices(sentences, k=8)
        return "".join(
            json.dumps({"id": chance.getrandbits(48), "name": text[:24], "note": text}) + ",\n" for text in texts
        )

    return _fill(size, record, "[\n")


def _log(chance: random.Random, size: int) -> bytes:
    second = chance.randrange(1_700_000_000, 1_790_000_000)

    def lines() -> str:
        nonlocal second
        second += chance.randrange(30)
        return "".join(
            f"{second + step} INFO worker-{number & 7} request={number:016x} status=200 bytes={number & 0xFFF}\n"
            for step, number in enumerate(chance.getrandbits(64) for _ in range(48))
        )

    return _fill(size, lines)


def _fill(size: int, more: Callable[[], str], head: str = "") -> bytes:
    parts, length = [head.encode()], len(head)
    while length < size:
        part = more().encode()
        parts.append(part)
        length += len(part)
    return b"".join(parts)[:size]


def _packed(head: bytes, every: int) -> Callable[[random.Random, int], bytes]:
    """Return a maker of already compressed content: `head`, then random bytes with a small header now and then."""

    def make(chance: random.Random, size: int) -> bytes:
        parts = (
            f"\n{start:08x} obj\n".encode() + chance.randbytes(min(every, size - start))
            for start in range(len(head), size, every)
        )
        return b"".join([head, *parts])[:size]

    return make


CONTENT: dict[Kind, Callable[[random.Random, int], bytes]] = {
    Kind.TEXT: _text,
    Kind.CSV: _csv,
    Kind.JSON: _json,
    Kind.LOG: _log,
    Kind.OFFICE: _packed(b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", 16_384),
    Kind.PDF: _packed(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", 32_768),
    Kind.IMAGE: _packed(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", 1 << 20),
}
"""Kind -> function of a random source and a size in bytes; the result has exactly that size."""
