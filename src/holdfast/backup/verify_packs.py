"""Looking at packs: what each holds and what is wrong with it; whole ones in worker processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from holdfast.backup.ids import ChunkId, PackId
from holdfast.backup.pack import damaged_blocks, name_of, pack_key, read_footer
from holdfast.backup.parallel import each
from holdfast.backup.remote import is_remote, of_worker
from holdfast.backup.repository import Repository
from holdfast.backup.workers import Ask, Work, Workers, keep_buffers_for
from holdfast.errors import IntegrityError, NotFound

MOST_BLOCKS = 3
"""A message places this many damaged blocks of a pack."""
PACKS_AT_ONCE = 2
"""Packs that one worker reads at once from a remote store: while one is on its way the other is looked at."""
HELD_CHUNKS = 100_000
"""Looks wait until they are taken, with up to so many chunks: 9 MiB of memory."""


class Look(NamedTuple):
    """What one pack was found to be: its chunk ids (None: it cannot be read), what is wrong, the chunks that hits."""

    pack: PackId
    held: Sequence[ChunkId] | None
    problems: Sequence[str] = ()
    bad: Sequence[ChunkId] = ()
    bytes_read: int = 0
    missing: bool = False


def look_at(repository: Repository, pack: PackId, whole: bool) -> Look:
    """Read a pack or its footer. Called from several threads and processes: changes nothing."""
    objects, keyring = repository.objects, repository.keyring
    try:
        if not whole:
            return Look(pack, read_footer(objects, keyring, pack).chunks)
        data = objects.get(pack_key(pack))
    except (NotFound, IntegrityError) as error:
        return Look(pack, None, [str(error)], missing=isinstance(error, NotFound))
    problems = [] if name_of(data) == pack else ["its bytes are not those it is named by"]
    try:
        footer, bad = damaged_blocks(keyring, pack, data)
    except IntegrityError as error:
        return Look(pack, None, [str(error)], bytes_read=len(data))
    if bad:
        where = ", ".join(f"number {at} at byte {footer.blocks[at].offset}" for at in bad[:MOST_BLOCKS])
        problems.append(f"{len(bad)} of its {len(footer.blocks)} blocks are damaged: {where}")
    chunks = [chunk for at in bad for chunk, _ in footer.blocks[at].chunks]
    return Look(pack, footer.chunks, problems, chunks, len(data))


class LooksApart:
    """Looks at whole packs in worker processes, which go on while the caller does other things and calls `feed`."""

    def __init__(self, repository: Repository, packs: Iterable[PackId], jobs: int) -> None:
        self.packs = frozenset(packs)
        self._line = deque(sorted(self.packs))
        self._looks: deque[Look] = deque()
        self._held = 0

        self._jobs = jobs
        self._most = at_once = PACKS_AT_ONCE if is_remote(repository.objects) else 1

        def prepare(_: Ask) -> Work:
            mine = of_worker(repository)
            keep_buffers_for(mine.objects)
            return lambda packs: list(each(lambda pack: look_at(mine, PackId(pack), whole=True), packs, at_once))

        self._workers = Workers(jobs, prepare, lambda _: None)

    def feed(self) -> None:
        """Give workers that have room more to do, and take what they found, without waiting."""
        self._take(0)
        while self._line and self._workers.has_room and self._held < HELD_CHUNKS:
            are_many = len(self._line) > self._most * self._jobs
            packs = [self._line.popleft() for _ in range(self._most if are_many else 1)]
            self._workers.submit(packs, f"pack {packs[0]}")

    def rest(self) -> Iterator[Look]:
        """Yield every look."""
        while self._line or self._looks or not self._workers.is_idle:
            while self._looks:
                look = self._looks.popleft()
                self._held -= len(look.held or ())
                yield look
            self.feed()
            if not self._looks:
                self._take(None)

    def _take(self, seconds: float | None) -> None:
        for results in self._workers.results(seconds):
            for look in (Look(*result) for result in results):
                self._looks.append(look)
                self._held += len(look.held or ())

    def close(self) -> None:
        """End the workers."""
        self._workers.close()
