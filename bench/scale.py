"""What a large repository costs: many files, a huge file, many snapshots, a large index; time, memory and size of each.

    python -m bench.scale                                   # all of it: some twenty minutes
    python -m bench.scale --files 100000 --entries 1000000  # a tenth

Every step runs in processes of its own, whose peak memory is that of the whole tree (a sum of PSS).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.measured import MIB, machine, measure
from bench.peers import PASSWORD, Holdfast

from holdfast.backup.clock import SystemClock
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.ports import PackKind, PackRow
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.open import opened
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue

CHUNKS_PER_PACK = 128
"""16 MiB packs of 128 KiB chunks."""
LOOKED_UP = 100_000
WITH_CONTENT = 8
"""Every so many files has bytes of its own; the others are all hole, so that a million of them fit into memory."""
FILES_PER_FOLDER = 100
ISLAND_EVERY = 1 << 30


def make_files(folder: Path, count: int) -> None:
    """Write `count` files, a hundred a folder."""
    for number in range(count):
        if number % FILES_PER_FOLDER == 0:
            below = folder / f"{number // 100_000:03}" / f"{number // FILES_PER_FOLDER:06}"
            below.mkdir(parents=True)
        with (below / f"{number:08}").open("wb") as file:
            if number % WITH_CONTENT == 0:
                file.write(b"%d" % number * 20)
            else:
                file.truncate(1000)


def make_sparse(path: Path, size: int) -> None:
    """Make a file of holes with a MiB of noise in every GiB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for offset in range(0, size, ISLAND_EVERY):
            file.seek(offset)
            file.write(random.Random(offset).randbytes(MIB))
        file.truncate(size)


def many_snapshots(repo: Path, source: Path, count: int) -> None:
    """Make snapshots of one small folder, one file of which changes each time."""
    with opened(str(repo), lambda: [PasswordKey(PASSWORD)], clock=SystemClock()) as repository:
        for number in range(count):
            (source / "changing").write_bytes(b"%d" % number)
            create_snapshot(
                repository,
                DirectorySource([os.fsencode(source)]),
                user="user",
                host=f"host{number % 100}",
                lease=timedelta(hours=1),
            )


def fill_index(path: Path, entries: int) -> None:
    """Publish packs of random chunk ids, then look some up; print the rates."""
    catalogue = SqliteCatalogue(path)
    rng = random.Random(1)
    session = SnapshotId("0" * 32)
    start = time.perf_counter()
    for _ in range(entries // CHUNKS_PER_PACK):
        pack = PackId(rng.randbytes(32).hex())
        catalogue.announce(PackRow(pack=pack, kind=PackKind.DATA, size=1 << 24, session=session))
        catalogue.publish(pack, [ChunkId(rng.randbytes(32)) for _ in range(CHUNKS_PER_PACK)])
    filled = time.perf_counter() - start
    print(f"  {entries / filled:,.0f} entries/s published, {CHUNKS_PER_PACK} a transaction")
    again = random.Random(1)
    known: list[ChunkId] = []
    while len(known) < LOOKED_UP:
        again.randbytes(32)
        known += [ChunkId(again.randbytes(32)) for _ in range(CHUNKS_PER_PACK)]
    rng.shuffle(known)
    start = time.perf_counter()
    found = len(catalogue.usable(known))
    print(f"  {len(known) / (time.perf_counter() - start):,.0f} look-ups/s of known ids, {found} of {len(known)} found")
    unknown = [ChunkId(rng.randbytes(32)) for _ in range(LOOKED_UP)]
    start = time.perf_counter()
    catalogue.usable(unknown)
    print(f"  {len(unknown) / (time.perf_counter() - start):,.0f} look-ups/s of unknown ids")
    catalogue.close()


class Scale:
    """The steps, each told in a line."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        (folder / "home").mkdir()
        self.holdfast = Holdfast(folder, by_password=True)

    def tell(self, what: str, action: Callable[[], object]) -> None:
        """Do it and print time and peak memory."""
        found = measure(action)
        print(f"{what:42} {found.wall:8.1f} s {found.cpu:8.1f} CPU s {found.peak_bytes / MIB:6.0f} MiB", flush=True)

    def itself(self, *arguments: str) -> Callable[[], object]:
        """Return what runs one step of this program in a process of its own."""
        command = [sys.executable, "-m", "bench.scale", *arguments]
        return lambda: subprocess.run(command, check=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})

    def files(self) -> None:
        """Many files: first, unchanged, one changed, verify."""
        source, repo = self.folder / "files", self.folder / "repo"
        make_files(source, self.options.files)
        self.holdfast.create(repo)
        count = f"{self.options.files:,} files"
        self.tell(f"{count}: first backup", lambda: self.holdfast.backup(repo, source))
        self.tell(f"{count}: unchanged", lambda: self.holdfast.backup(repo, source))
        next(path for path in source.rglob("*") if path.is_file()).write_bytes(b"changed")
        self.tell(f"{count}: one changed", lambda: self.holdfast.backup(repo, source))
        self.tell(f"{count}: verify, all data", lambda: self.holdfast.verify(repo))
        self.tell(f"{count}: forget and prune", lambda: self.holdfast.forget_oldest(repo))
        self.size_of("repository", repo)
        self.size_of("catalogue", repo / "catalogue.sqlite")
        shutil.rmtree(source)
        shutil.rmtree(repo)

    def sparse(self) -> None:
        """A huge file."""
        source, repo = self.folder / "sparse", self.folder / "repo"
        size = self.options.sparse << 30
        make_sparse(source / "file", size)
        self.holdfast.create(repo)
        self.tell(f"sparse file of {self.options.sparse} GiB: backup", lambda: self.holdfast.backup(repo, source))
        self.tell("the same: restore", lambda: self.holdfast.restore(repo, self.folder / "back"))
        restored = self.folder / "back" / "file"
        if restored.stat().st_size != size:
            raise SystemExit(f"{restored} came back with {restored.stat().st_size} bytes, not {size}")
        self.size_of("restored, on disk", restored, blocks=True)
        shutil.rmtree(source)
        shutil.rmtree(repo)
        shutil.rmtree(self.folder / "back")

    def snapshots(self) -> None:
        """Many snapshots."""
        source, repo = self.folder / "small", self.folder / "repo"
        make_files(source, 100)
        self.holdfast.create(repo)
        count = self.options.snapshots
        make = self.itself("--step", "snapshots", "--at", str(repo), "--source", str(source), "--count", str(count))
        self.tell(f"{count:,} snapshots", make)
        self.tell("one more, with what starting takes", lambda: self.holdfast.backup(repo, source))
        self.tell("verify, all data", lambda: self.holdfast.verify(repo))
        self.tell("forget all but 100 and prune", lambda: self.holdfast.forget_oldest(repo))
        shutil.rmtree(source)
        shutil.rmtree(repo)

    def index(self) -> None:
        """A large index, and ten times it by calculation."""
        path = self.folder / "catalogue.sqlite"
        entries = self.options.entries
        self.tell(
            f"index of {entries:,} entries", self.itself("--step", "index", "--at", str(path), "--count", f"{entries}")
        )
        each = path.stat().st_size / entries
        print(f"  {path.stat().st_size / MIB:,.0f} MiB, {each:.1f} bytes an entry; 100 million: {each / 10:.1f} GB")

    def size_of(self, what: str, path: Path, *, blocks: bool = False) -> None:
        """Print how large something is."""
        files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        size = sum(one.stat().st_blocks * 512 if blocks else one.stat().st_size for one in files)
        print(f"  {what}: {size / MIB:,.1f} MiB")


def main() -> None:
    """Run the chosen steps, or one step of another run of this."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--sparse", type=int, default=50, help="GiB")
    parser.add_argument("--snapshots", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--only", default="files,sparse,snapshots,index")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--at", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "index":
        fill_index(options.at, options.count)
    elif options.step == "snapshots":
        many_snapshots(options.at, options.source, options.count)
    else:
        print(f"{machine()}; in {options.work}")
        with tempfile.TemporaryDirectory(prefix="holdfast-scale-", dir=options.work) as scratch:
            scale = Scale(Path(scratch), options)
            for name in options.only.split(","):
                getattr(scale, name)()


if __name__ == "__main__":
    main()
