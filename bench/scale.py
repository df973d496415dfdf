"""How the engine behaves when a repository is large: a million files, one huge file, many snapshots, a large index.

    python -m bench.scale                                     # all parts at full size: about an hour and 20 GB of disk
    python -m bench.scale --parts snapshots,index --snapshots 1000 --entries 1000000

Each part prints what it took: seconds by the clock and of CPU, the highest memory of the process tree, bytes on disk.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from bench.measured import MIB, machine, measure
from bench.peers import PASSWORD, Holdfast

from holdfast.backup.clock import SystemClock
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.repository import open_repository
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue

GB = 10**9
PER_FOLDER = 1000
PACK_CHUNKS = 256
"""Chunks of one pack in the index part: 32 MiB at the average chunk of 128 KiB."""
ASKED = 100_000


class Scale:
    """A folder to work in, and Holdfast's command line on a repository in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "repo"
        self.tool = Holdfast(folder)
        self.tool.create(self.repo)

    def time(self, what: str, action: Callable[[], object]) -> None:
        """Do it and print what it took."""
        took = measure(action)
        peak = took.peak_bytes / MIB
        print(f"  {what:34} {took.wall:8.1f} s {took.cpu:8.1f} CPU s {peak:6.0f} MiB peak", flush=True)

    def sizes(self) -> None:
        """Print what the repository takes on disk."""
        catalogue = sum(path.stat().st_size for path in self.repo.glob("catalogue.sqlite*"))
        total = sum(path.stat().st_size for path in self.repo.rglob("*") if path.is_file())
        print(f"  repository {total / MIB:,.1f} MiB, of it catalogue {catalogue / MIB:,.1f} MiB", flush=True)


def many_files(scale: Scale, count: int) -> None:
    """Back up `count` small files, twice; change one; restore, verify."""
    print(f"{count:,} files of 64 to 191 bytes, {PER_FOLDER} a folder")
    source = scale.folder / "files"
    for folder in range(-(-count // PER_FOLDER)):
        (source / f"{folder:06}").mkdir(parents=True)
        for number in range(min(PER_FOLDER, count - folder * PER_FOLDER)):
            content = hashlib.sha256(f"{folder}/{number}".encode()).hexdigest().encode()
            (source / f"{folder:06}" / f"{number:04}").write_bytes(content * 2 + bytes(number % 64))
    scale.time("first backup", partial(scale.tool.backup, scale.repo, source))
    scale.time("unchanged", partial(scale.tool.backup, scale.repo, source))
    (source / "000000" / "0000").write_bytes(b"changed")
    scale.time("one file changed", partial(scale.tool.backup, scale.repo, source))
    scale.sizes()
    scale.time("verify all data", partial(scale.tool.verify, scale.repo))
    scale.time("restore", partial(scale.tool.restore, scale.repo, scale.folder / "restored"))
    scale.time("forget + prune", partial(scale.tool.forget_oldest, scale.repo))


def huge_file(scale: Scale, size: int) -> None:
    """Back up one file of `size` bytes with 1 MiB of data in every GB, and holes between."""
    print(f"one sparse file of {size / GB:,.0f} GB, 1 MiB of data in each GB")
    path = scale.folder / "huge" / "disk.img"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(size)
        for start in range(0, size, GB):
            file.seek(start + start // GB * 4096)
            file.write(os.urandom(MIB))
    allocated = path.stat().st_blocks * 512
    scale.time("first backup", partial(scale.tool.backup, scale.repo, path.parent))
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"changed")
    scale.time("a few bytes changed", partial(scale.tool.backup, scale.repo, path.parent))
    scale.sizes()
    scale.time("restore", partial(scale.tool.restore, scale.repo, scale.folder / "restored"))
    found = next((scale.folder / "restored").rglob("disk.img"))
    same = found.stat().st_size == size and all(_same(path, found, start) for start in range(0, size, GB))
    print(f"  restored: {'the same' if same else 'DIFFERENT'}, {found.stat().st_blocks * 512 / MIB:,.0f} MiB on disk")
    print(f"  before:   {allocated / MIB:,.0f} MiB on disk")


def _same(one: Path, other: Path, start: int) -> bool:
    with one.open("rb") as left, other.open("rb") as right:
        left.seek(start)
        right.seek(start)
        return left.read(8 * MIB) == right.read(8 * MIB)


def many_snapshots(scale: Scale, count: int) -> None:
    """Make `count` snapshots of a small tree that changes, then list, add, forget and prune."""
    print(f"{count:,} snapshots of 20 files, one changed each time, by 100 users")
    source = scale.folder / "small"
    source.mkdir()
    for number in range(20):
        (source / str(number)).write_bytes(os.urandom(2000))
    catalogue = SqliteCatalogue(scale.repo / "catalogue.sqlite")
    key = PasswordKey(PASSWORD)
    repository = open_repository(LocalObjects(scale.repo), catalogue, catalogue, [key], clock=SystemClock())
    began = time.monotonic()
    for number in range(count):
        (source / str(number % 20)).write_bytes(os.urandom(2000))
        user = str(number % 100)
        create_snapshot(
            repository, DirectorySource([os.fsencode(source)]), user=user, host="bench", lease=timedelta(minutes=5)
        )
    catalogue.close()
    seconds = time.monotonic() - began
    print(f"  made in {seconds:.0f} s: {1000 * seconds / count:.1f} ms each")
    scale.sizes()
    scale.time("one more backup", partial(scale.tool.backup, scale.repo, source))
    scale.time("list", partial(scale.tool.listed, scale.repo))
    scale.time("verify structure", partial(scale.tool.verify_structure, scale.repo))
    scale.time("forget + prune all but the newest", partial(scale.tool.forget_oldest, scale.repo))
    scale.sizes()


def large_index(scale: Scale, entries: int) -> None:
    """Fill the local catalogue with `entries` chunks, then ask it."""
    print(f"{entries:,} chunks in the index: {entries * 128 / 2**30:,.2f} TiB of data at 128 KiB a chunk")
    path = scale.folder / "index.sqlite"
    scale.time("insert", partial(_in_child, _fill, path, entries))
    print(f"  {path.stat().st_size / MIB:,.0f} MiB, {path.stat().st_size / entries:.0f} bytes a chunk")
    scale.time(f"look up {ASKED:,} that are there", partial(_in_child, _ask, path, 0))
    scale.time(f"look up {ASKED:,} that are not", partial(_in_child, _ask, path, 1))


def _in_child(action: Callable[..., None], *arguments: object) -> None:
    from multiprocessing import get_context

    process = get_context("spawn").Process(target=action, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{action.__name__} ended with {process.exitcode}")


def _chunk(number: int, salt: int) -> ChunkId:
    return ChunkId(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32, salt=bytes([salt])).digest())


def _fill(path: Path, entries: int) -> None:
    catalogue = SqliteCatalogue(path)
    for start in range(0, entries, PACK_CHUNKS):
        pack = PackId(hashlib.sha256(str(start).encode()).hexdigest())
        catalogue.announce(PackRow(pack=pack, kind=PackKind.DATA, size=32 * MIB, session=SnapshotId("0" * 32)))
        catalogue.publish(pack, [_chunk(n, 0) for n in range(start, min(start + PACK_CHUNKS, entries))])
    catalogue.close()


def _ask(path: Path, salt: int) -> None:
    catalogue = SqliteCatalogue(path)
    for start in range(0, ASKED, 2000):
        found = catalogue.usable([_chunk(n, salt) for n in range(start, start + 2000)])
        assert len(found) == (0 if salt else 2000)
    catalogue.close()


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are asked for, each in a folder of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default="files,huge,snapshots,index")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--huge", type=int, default=50 * GB, help="bytes")
    parser.add_argument("--snapshots", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where to work")
    options = parser.parse_args(arguments)
    parts: dict[str, Callable[[Scale], None]] = {
        "files": lambda scale: many_files(scale, options.files),
        "huge": lambda scale: huge_file(scale, options.huge),
        "snapshots": lambda scale: many_snapshots(scale, options.snapshots),
        "index": lambda scale: large_index(scale, options.entries),
    }
    print(machine())
    for name in options.parts.split(","):
        with tempfile.TemporaryDirectory(prefix="holdfast-scale-", dir=options.folder) as folder:
            parts[name](Scale(Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
