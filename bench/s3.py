"""Holdfast and restic on one S3 server of this machine: seconds, and what AWS would bill.

    python -m bench.s3 --restic /path/to/restic [--size 256MiB] [--rounds 3] [--latency 20] [--connections 5 16]

Both write the same corpus into a bucket of the embedded AWS; Holdfast also into its two tables. The server is one
Python process, so seconds say how much each asks of it, not how fast S3 is. With `--latency` every answer comes so many
milliseconds later, and one connection carries 90 MB/s, as S3's own are said to. Requests and units are what AWS bills,
at the prices of docs/cost.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import corpus
from bench.backup import UNITS
from bench.latency import door
from bench.measured import MIB, Measured, machine, measure
from bench.peers import FASTEST_RESTIC, Holdfast, Repo, Restic, Tool
from tests.support.aws_stores import make_tables

from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import EmbeddedAws

REGION = "us-east-1"
FIRST, UNCHANGED, CHANGED, RESTORE, VERIFY = "first backup", "unchanged", "1 % changed", "full restore", "verify all"
CONNECTION_BYTES_A_SECOND = 90_000_000
"""Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html"""
UNITS_A_PACK = 5
"""`docs/design/vault-protocol.md`, Publishing."""
STEPS = (FIRST, UNCHANGED, CHANGED, RESTORE, VERIFY)


class Bench:
    """The rounds, and what each step took: seconds and requests by (step, tool)."""

    def __init__(self, aws: EmbeddedAws, endpoint: str, folder: Path, restic: str, connections: list[int]) -> None:
        self.aws = aws
        self.endpoint = endpoint
        self.folder = folder
        self.corpus = folder / "corpus"
        self.runs: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        self.requests: dict[tuple[str, str], list[Counter[str]]] = defaultdict(list)
        self.rows = self.packs = 0
        environment = {**aws.environment(REGION), "AWS_ENDPOINT_URL": endpoint}
        self.holdfast = Holdfast(folder, environment)
        self.restics = [self._restic(restic, count, environment) for count in connections]

    def _restic(self, program: str, connections: int, environment: Mapping[str, str]) -> Restic:
        options = (*FASTEST_RESTIC, "-o", f"s3.connections={connections}")
        return Restic(self.folder, program, f"restic, {connections:2}", options, 4, environment)

    @property
    def tools(self) -> list[Tool]:
        """Holdfast, then restic with each number of connections."""
        return [self.holdfast, *self.restics]

    def round(self, number: int) -> None:
        """Do every step with each tool, into a bucket of its own."""
        tools = [(tool, self._place(tool, number)) for tool in self.tools]
        for tool, repo in tools:
            tool.create(repo)
        for step in STEPS:
            if step == CHANGED:
                corpus.change(self.corpus, 0.01, seed=number)
            for tool, repo in tools:
                self._step(step, tool, repo)
            if step == FIRST:
                self.count_rows(number)

    def _place(self, tool: Tool, number: int) -> Repo:
        bucket = f"{'-'.join(tool.name.replace(',', ' ').split())}-{number}"
        self.aws.client("s3", REGION).create_bucket(Bucket=bucket)
        if tool is not self.holdfast:
            return f"s3:{self.endpoint}/{bucket}"
        make_tables(self.aws.client("dynamodb", REGION), f"{bucket}-metadata", f"{bucket}-chunks")
        return f"s3://{bucket}/backups?region={REGION}&metadata={bucket}-metadata&deduplication={bucket}-chunks"

    def _step(self, step: str, tool: Tool, repo: Repo) -> None:
        target = self.folder / "restored"
        actions: dict[str, Callable[[], object]] = {
            RESTORE: partial(tool.restore, repo, target),
            VERIFY: partial(tool.verify, repo),
        }
        before = Counter(self.aws.requests())
        self.runs[step, tool.name].append(measure(actions.get(step, partial(tool.backup, repo, self.corpus))))
        self.requests[step, tool.name].append(Counter(self.aws.requests()) - before)
        corpus.clear(target)

    def report(self, size: int) -> None:
        """Print a row for each step and tool."""
        for step in STEPS:
            base = median(one.wall for one in self.runs[step, self.restics[0].name])
            for tool in self.tools:
                runs = self.runs[step, tool.name]
                wall, cpu = median(one.wall for one in runs), median(one.cpu for one in runs)
                counted = self.requests[step, tool.name][-1]
                services = Counter[str]()
                for name, count in counted.items():
                    services[name.partition(".")[0]] += count
                told = ", ".join(f"{count} {name}" for name, count in [*services.items(), *counted.most_common(6)])
                peak = max(one.peak_bytes for one in runs) / MIB
                figures = f"{wall:6.2f} s {base / wall:5.2f} x {cpu:6.2f} CPU s {peak:4.0f} MiB"
                print(f"{step:13} {tool.name:11} {figures}  {told}")
        for tool in self.tools:
            count = sum(self.requests[FIRST, tool.name][-1].values())
            print(f"{tool.name}: {count / (size / 2**30):,.0f} requests per GiB of a first backup")
        rows = self.rows / (size / 2**30)
        packs = self.packs / (size / 2**30)
        units = f"{rows + UNITS_A_PACK * packs:,.0f} write units per GiB of a first backup"
        print(f"holdfast: {units}: {rows:,.0f} rows of chunks, 1 each, and {packs:,.0f} packs, {UNITS_A_PACK} each")

    def count_rows(self, number: int) -> None:
        """Count what the chunk index of a round and its bucket hold now."""
        scan = self.aws.client("dynamodb", REGION).get_paginator("scan")
        pages = scan.paginate(TableName=f"holdfast-{number}-chunks", Select="COUNT")
        self.rows = sum(page["Count"] for page in pages)
        listed = self.aws.client("s3", REGION).get_paginator("list_objects_v2").paginate(Bucket=f"holdfast-{number}")
        self.packs = sum("/packs/" in found["Key"] for page in listed for found in page.get("Contents", []))
        self.rows -= self.packs


def main() -> int:
    """Parse, make the corpus, run the rounds, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=_size, default=256 * MIB)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--restic", default="restic")
    parser.add_argument("--connections", type=int, nargs="+", default=[5, 16], help="restic's, one row for each")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds an answer is late")
    options: Any = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="holdfast-s3-") as name,
        embedded_aws(folder=Path(name)) as aws,
        _endpoint(aws, options.latency / 1000) as endpoint,
    ):
        bench = Bench(aws, endpoint, Path(name), options.restic, options.connections)
        print(f"{machine()}; {bench.holdfast.version()}; {bench.restics[0].version()}; {options.latency:g} ms")
        corpus.make(bench.corpus, corpus.Shape(size=options.size, users=options.users, seed=1))
        size = corpus.measure(bench.corpus)[1]
        for number in range(options.rounds):
            bench.round(number)
        bench.report(size)
    return 0


@contextmanager
def _endpoint(aws: EmbeddedAws, latency_seconds: float) -> Iterator[str]:
    """Yield the server's address: its own, or one behind which it answers late."""
    if not latency_seconds:
        yield aws.plain_endpoint
        return
    port = int(aws.plain_endpoint.rpartition(":")[2])
    with door(port, delay_seconds=latency_seconds, bytes_per_second=CONNECTION_BYTES_A_SECOND) as away:
        yield f"http://127.0.0.1:{away}"


def _size(text: str) -> int:
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
