from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from holdfast.backup.blocks import compress, decompress


def test_many_threads_decompress_at_once() -> None:
    raws = [(b"%d a line that compresses well\n" % number) * 20_000 for number in range(8)]
    blocks = [compress(raw) for raw in raws]

    def check(number: int) -> bool:
        return all(decompress(blocks[number], len(raws[number])) == raws[number] for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(8)))
