"""The unit of compression: one chunk, or several small ones together."""

from __future__ import annotations

import threading
from collections.abc import Callable

import zstandard

from holdfast.errors import IntegrityError

STORED = 0
ZSTD = 1
_STORED_BYTE, _ZSTD_BYTE = bytes([STORED]), bytes([ZSTD])
LARGE_BYTES = 256 * 1024
"""Above this a table that stays in the first-level cache pays. Measured in blocks of 1 MiB, against level 2 in blocks
of 512 KiB: text 1.4 % smaller for 7 % less work, records 0.7 and 17, Python 5 and 5, libraries 0.4 and 11, JSON 4 and
7."""
MAX_RAW_BYTES = 16 * 1024 * 1024
"""No block is larger before compression; a footer that claims more is refused before memory is taken."""
PROBE_BYTES = 4096
WORTH_IT = 0.97
SMALL, LARGE, PROBE = "small", "large", "probe"
_COMPRESSORS: dict[str, Callable[[], zstandard.ZstdCompressor]] = {
    SMALL: lambda: zstandard.ZstdCompressor(level=2),
    LARGE: lambda: zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(
            strategy=zstandard.STRATEGY_FAST, window_log=20, hash_log=15, chain_log=13, search_log=1, min_match=6
        )
    ),
    PROBE: lambda: zstandard.ZstdCompressor(level=-5),
}

_of_thread = threading.local()


def compress(raw: bytes | memoryview, *, worth_trying: bool = True) -> bytes:
    """Return `codec | payload`; what does not shrink is stored as it is, without a try unless `worth_trying`."""
    if worth_trying:
        payload = _compressor(LARGE if len(raw) > LARGE_BYTES else SMALL).compress(raw)
        if len(payload) < len(raw):
            return b"".join((_ZSTD_BYTE, payload))
    return b"".join((_STORED_BYTE, raw))


def decompress(block: bytes, raw_bytes: int) -> bytes | memoryview:
    """Return the block's plaintext of exactly `raw_bytes` bytes; not a copy where it was stored as it is.

    Raises:
        IntegrityError: another length, an unknown codec, or not a compressed block at all.
    """
    if not 0 < raw_bytes <= MAX_RAW_BYTES or not block:
        raise IntegrityError(f"a block claims {raw_bytes} bytes; run `holdfast verify`")
    if block[0] == STORED:
        raw: bytes | memoryview = memoryview(block)[1:]
    elif block[0] == ZSTD:
        try:
            frame = memoryview(block)[1:]
            # What a frame claims is allocated unseen, so it is compared first.
            if zstandard.frame_content_size(frame) != raw_bytes:
                raise IntegrityError(f"a block does not claim {raw_bytes} bytes; run `holdfast verify`")
            raw = _decompressor().decompress(frame, max_output_size=raw_bytes)
        except zstandard.ZstdError as error:
            raise IntegrityError("a block cannot be decompressed; run `holdfast verify`") from error
    else:
        raise IntegrityError(f"a block has codec {block[0]}, this Holdfast knows 0 and 1: use a newer one")
    if len(raw) != raw_bytes:
        raise IntegrityError(f"a block holds {len(raw)} bytes, not {raw_bytes}; run `holdfast verify`")
    return raw


def shrinks(raw: bytes | memoryview) -> bool:
    """Say whether compressing is worth trying.

    Two small places are compressed fast: two thirds of PDF, office and media files are told apart for 1 % of the work.
    """
    if len(raw) <= 4 * PROBE_BYTES:
        return True
    middle = len(raw) // 2
    probe = b"".join((raw[:PROBE_BYTES], raw[middle : middle + PROBE_BYTES]))
    return len(_compressor(PROBE).compress(probe)) < WORTH_IT * len(probe)


def _compressor(kind: str) -> zstandard.ZstdCompressor:
    """Return this thread's own of this kind: making one costs as much as compressing 20 KB."""
    made: dict[str, zstandard.ZstdCompressor] = _of_thread.__dict__.setdefault("compressors", {})
    if kind not in made:
        made[kind] = _COMPRESSORS[kind]()
    return made[kind]


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's own: two threads in one decompressor give wrong bytes, or crash the process."""
    if not hasattr(_of_thread, "decompressor"):
        _of_thread.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _of_thread.decompressor
    return decompressor
