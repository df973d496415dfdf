"""Many writers in one repository at the same moment, while prune runs: what is stored twice, lost, and how fast.

    python -m bench.writers [--writers 1000] [--processes 8] [--store local|aws]

Every writer begins a session, waits until all have begun, and only then stores its files, half of which it shares with
the nine others of its group. Prune runs again and again beside them. In the end every byte is verified, every snapshot
restored and compared, and the packs' footers are counted for chunks that were stored more than once. Exit status 1 if
anything acknowledged is missing. On the store `aws` (the embedded one) requests are counted, and priced in
docs/cost.md; its throughput is the emulator's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from holdfast.backup.clock import SystemClock
from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.pack import pack_of_key, read_footer
from holdfast.backup.prune import prune
from holdfast.backup.repository import Repository, create_repository, open_repository
from holdfast.backup.restore import restore
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.local import LocalObjects
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.backup.targets.directory import DirectoryTarget
from holdfast.backup.verify import verify
from holdfast.errors import Conflict, HoldfastError

KEY = PasswordKey("bench")
GROUP = 10
FILES = 8
LEASE = timedelta(minutes=15)
PATIENCE = 60.0
"""Seconds after which a writer that never began ends the run."""


@dataclass(frozen=True)
class Place:
    """Where the repository is: a folder, or a bucket and two tables of the embedded AWS."""

    folder: Path
    aws: dict[str, str] | None = None


@dataclass(frozen=True)
class Told:
    """What one writer did: its snapshot, or why there is none."""

    user: int
    snapshot: SnapshotId | None
    seconds: float
    bytes_read: int
    error: str = ""


@contextmanager
def opened(place: Place, requests: Counter[str]) -> Iterator[Repository]:
    """Open the repository with connections of this process, counting its requests to AWS."""
    if place.aws is None:
        catalogue = SqliteCatalogue(place.folder / "catalogue.sqlite")
        yield open_repository(LocalObjects(place.folder), catalogue, catalogue, [KEY], clock=SystemClock())
        catalogue.close()
        return
    from holdfast.backup.stores.aws.chunk_index import DynamoChunkIndex
    from holdfast.backup.stores.aws.ledger import DynamoLedger
    from holdfast.backup.stores.aws.objects import S3Objects

    s3, db = client(place.aws, "s3", requests), client(place.aws, "dynamodb", requests)
    objects = S3Objects(s3, place.aws["bucket"], "backups/")
    index = DynamoChunkIndex(db, place.aws["deduplication"], place.aws["metadata"])
    yield open_repository(objects, index, DynamoLedger(db, place.aws["metadata"]), [KEY], clock=SystemClock())


def client(aws: dict[str, str], service: str, requests: Counter[str]) -> Any:
    """Return a client of the embedded AWS that counts what it sends, retries too."""
    import boto3
    from botocore.config import Config

    session: Any = boto3.session.Session()
    made = session.client(
        service,
        region_name="us-east-1",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id=aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=aws["AWS_SECRET_ACCESS_KEY"],
        config=Config(max_pool_connections=64, s3={"addressing_style": "path"}),
    )

    def count(event_name: str, **_: Any) -> None:
        requests[event_name.removeprefix("before-send.")] += 1

    made.meta.events.register("before-send", count)
    return made


def make_source(folder: Path, user: int) -> None:
    """Write the user's files: the even ones are those of its group, the odd ones its own."""
    folder.mkdir(parents=True)
    for number in range(FILES):
        owner = f"group-{user // GROUP}" if number % 2 == 0 else f"user-{user}"
        content = random.Random(f"{owner}/{number}")
        size = content.choice((900, 6_000, 40_000, 150_000))
        (folder / f"file-{number}").write_bytes(content.randbytes(size // 2) + bytes(size - size // 2))


def write_all(place: Place, sources: Path, users: range, begun: Barrier, told: Any) -> None:
    """Back up each of `users` in a thread of its own, all at once; runs in a process of its own."""
    requests: Counter[str] = Counter()
    gate = threading.Barrier(len(users) + 1)
    results: list[Told] = []
    with opened(place, requests) as repository:
        threads = [
            threading.Thread(target=write, args=(repository, sources / str(user), user, gate, results))
            for user in users
        ]
        for thread in threads:
            thread.start()
        begun.wait(PATIENCE)
        gate.wait(PATIENCE)
        for thread in threads:
            thread.join()
    told.put((results, requests))


def write(repository: Repository, source: Path, user: int, gate: threading.Barrier, results: list[Told]) -> None:
    """Make one snapshot, from the moment all stand ready."""
    gate.wait(PATIENCE)
    began = time.monotonic()
    try:
        summary = create_snapshot(
            repository, DirectorySource([os.fsencode(source)]), user=str(user), host="bench", lease=LEASE
        )
        results.append(Told(user, summary.snapshot, time.monotonic() - began, summary.bytes_read))
    except HoldfastError as error:
        results.append(Told(user, None, time.monotonic() - began, 0, f"{type(error).__name__}: {error}"))


def prune_all_along(place: Place, done: Event, told: Any) -> None:
    """Prune again and again until the writers are done; runs in a process of its own."""
    runs = 0
    with opened(place, Counter()) as repository:
        while not done.is_set():
            try:
                prune(repository, owner="bench", lease=timedelta(minutes=5))
                runs += 1
            except Conflict:
                done.wait(0.1)
    told.put(runs)


def stored_twice(repository: Repository) -> tuple[int, int]:
    """Return how many chunks the packs hold, and how many of them are there a second time."""
    chunks: Counter[bytes] = Counter()
    for found in repository.objects.list("packs/"):
        if pack := pack_of_key(found.key):
            chunks.update(read_footer(repository.objects, repository.keyring, pack).chunks)
    return chunks.total(), chunks.total() - len(chunks)


def digest(folder: Path) -> str:
    """Return one digest of the names and bytes below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("file-*")):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def lost(repository: Repository, results: list[Told], sources: Path, scratch: Path) -> list[str]:
    """Restore every acknowledged snapshot and return those that differ from what was backed up."""
    wrong = []
    for one in results:
        if one.snapshot is None:
            continue
        target = scratch / str(one.user)
        try:
            restore(repository, one.snapshot, DirectoryTarget(os.fsencode(target)))
            if digest(target) != digest(sources / str(one.user)):
                wrong.append(f"user {one.user}: restored bytes differ")
        except HoldfastError as error:
            wrong.append(f"user {one.user}: {error}")
    return wrong


def run(place: Place, folder: Path, writers: int, processes: int) -> int:
    """Let the writers write and say what came of it."""
    sources = folder / "sources"
    for user in range(writers):
        make_source(sources / str(user), user)
    context = get_context("spawn")
    told, pruned, done = context.Queue(), context.Queue(), context.Event()
    shares = [range(writers * n // processes, writers * (n + 1) // processes) for n in range(processes)]
    begun = context.Barrier(processes + 1)
    workers = [context.Process(target=write_all, args=(place, sources, share, begun, told)) for share in shares]
    pruner = context.Process(target=prune_all_along, args=(place, done, pruned))
    for process in (*workers, pruner):
        process.start()
    begun.wait(PATIENCE)
    began = time.monotonic()
    answers = [told.get(timeout=3600) for _ in workers]
    seconds = time.monotonic() - began
    done.set()
    prunes = pruned.get(timeout=3600)
    for process in (*workers, pruner):
        process.join()
    results = [one for share, _ in answers for one in share]
    requests: Counter[str] = sum((counted for _, counted in answers), Counter())
    return report(place, folder, results, requests, seconds, prunes)


def report(place: Place, folder: Path, results: list[Told], requests: Counter[str], seconds: float, prunes: int) -> int:
    """Print the figures, verify and restore; return the exit status."""
    failed = [one for one in results if one.snapshot is None]
    times = sorted(one.seconds for one in results)
    size = sum(one.bytes_read for one in results)
    print(f"writers       {len(results)}, {len(failed)} refused; prune ran {prunes} times beside them")
    print(f"wall          {seconds:.1f} s: {len(results) / seconds:.0f} snapshots/s, {size / seconds / 1e6:.1f} MB/s")
    print(f"one writer    median {statistics.median(times):.2f} s, longest {times[-1]:.2f} s")
    with opened(place, Counter()) as repository:
        chunks, twice = stored_twice(repository)
        print(f"stored twice  {twice} of {chunks} chunks ({100 * twice / chunks:.2f} %)")
        checked = verify(repository, read_data=True)
        print(f"verify        {checked.snapshots} snapshots, {checked.chunks} chunks, damage: {len(checked.damage)}")
        wrong = lost(repository, results, folder / "sources", folder / "restored")
        print(f"restore       {len(results) - len(failed)} snapshots, {len(wrong)} wrong")
    for operation, count in requests.most_common():
        print(f"requests      {operation}: {count}, {count / (size / 2**30):,.0f} per GiB read")
    for line in [*(f"user {one.user}: {one.error}" for one in failed), *wrong][:20]:
        print(line, file=sys.stderr)
    return 1 if failed or wrong or checked.damage else 0


def main() -> int:
    """Parse, prepare the place, run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writers", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--store", choices=("local", "aws"), default="local")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-writers-") as name:
        folder = Path(name)
        if options.store == "local":
            place = Place(folder / "repository")
            place.folder.mkdir()
            create_repository(LocalObjects(place.folder), [KEY], clock=SystemClock())
            return run(place, folder, options.writers, options.processes)
        with on_embedded_aws(folder) as place:
            return run(place, folder, options.writers, options.processes)


@contextmanager
def on_embedded_aws(folder: Path) -> Iterator[Place]:
    """Start an embedded AWS with the vault's bucket and tables, and a repository in them."""
    from tests.support.aws_stores import make_tables

    from holdfast.backup.stores.aws.objects import S3Objects
    from holdfast.rehearsal.embedded import embedded_aws

    with embedded_aws(folder=folder) as aws:
        names = {"bucket": "writers", "metadata": "metadata", "deduplication": "deduplication"}
        aws.client("s3", "us-east-1").create_bucket(Bucket=names["bucket"])
        make_tables(aws.client("dynamodb", "us-east-1"), names["metadata"], names["deduplication"])
        place = Place(folder, {**names, **aws.environment("us-east-1")})
        objects = S3Objects(client(place.aws or {}, "s3", Counter()), names["bucket"], "backups/")
        create_repository(objects, [KEY], clock=SystemClock())
        yield place


if __name__ == "__main__":
    sys.exit(main())
