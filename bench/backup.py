"""Holdfast beside restic and borg on one corpus, in one run: medians of interleaved rounds, and ratios.

    python -m bench.backup                          # 3 GiB, 3 rounds
    python -m bench.backup --size 512MiB --rounds 1 --restic /path/to/restic --borg /path/to/borg

Every round runs each step for each tool in turn, so that other load on the machine meets all of them, and begins with
another tool; before each, memory is written and freed, or whoever writes first pays for what a virtual machine has to
fetch. Repositories and restore targets are on a memory-backed file system where there is room, else in the temporary
folder: the first line says which. Holdfast is there twice: with a key file, as an unattended client runs it, and with
a password, which each run pays for; restic knows only the latter. Each figure is wall seconds / CPU seconds of the
whole process tree (the steadier one on a shared machine).
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from bench import corpus
from bench.measured import MIB, Measured, machine, measure
from bench.peers import OURS, Tool, found

AT_ONCE = 8
PRUNED = 0.7
"""Of a repository what is left at most once the older of two halves that share nothing is pruned."""
ROOM = 4
"""The folder to work in must have this many times the corpus free: corpus, repository, restored tree, and spare."""
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

FIRST, UNCHANGED, CHANGED = "first backup", "unchanged", "1 % changed"
RESTORE, VERIFY, PRUNE = "full restore", "verify all data", "forget + prune half"
CLIENTS, SMALL, SMALL_AGAIN = "200 clients", "small files", "small, unchanged"
SMALL_RESTORE, LARGE, LARGE_RESTORE = "small, restore", "one large file", "large, restore"
TARGETS = {FIRST: 2.0, UNCHANGED: 5.0, CHANGED: 3.0, RESTORE: 2.5, VERIFY: 3.0, PRUNE: 3.0, CLIENTS: 3.0}
"""What Holdfast must be ahead of the fastest restic, by wall time."""


class Bench:
    """The rounds, and what they gave: runs by (step, tool)."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.runs: dict[tuple[str, str], list[Measured]] = defaultdict(list)
        self.sizes: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.corpus = folder / "corpus"

    def prepare(self) -> None:
        """Make the corpus."""
        size = self.options.size
        say(f"making a corpus of {size // MIB} MiB, {self.options.users} users")
        for half in ("a", "b"):
            shape = corpus.Shape(size=size // 2, users=self.options.users // 2, seed=ord(half))
            corpus.make(self.corpus / half, shape)
        count, bytes_ = corpus.measure(self.corpus)
        print(f"corpus: {count} files, {bytes_ / MIB:.0f} MiB, {self.options.users} users, half of each user's shared")

    def time(self, step: str, tool: Tool, action: Callable[[], object]) -> None:
        """Measure one step of one tool."""
        self._warm()
        found_ = measure(action)
        self.runs[step, tool.name].append(found_)
        peak = found_.peak_bytes / MIB
        say(f"  {step:20} {tool.name:15} {found_.wall:7.2f} s {found_.cpu:7.2f} CPU s {peak:5.0f} MiB")

    def _warm(self) -> None:
        """Write as much as the corpus and delete it: a virtual machine's free memory may have to be fetched first."""
        warm = self.folder / "warm"
        with warm.open("wb") as file:
            for _ in range(self.options.size // MIB):
                file.write(bytes(MIB))
        warm.unlink()

    def round(self, tools: list[Tool]) -> None:
        """Do the chosen groups of steps once for each tool."""
        groups = {"main": self._main, "prune": self._prune, "clients": self._clients, "small": self._small}
        for name, group in {**groups, "large": self._large}.items():
            if name in self.options.groups:
                group(tools)

    @contextmanager
    def _repositories(self, tools: list[Tool]) -> Iterator[dict[str, Path]]:
        repos = {tool.name: self.folder / "repos" / tool.name.replace(" ", "-") for tool in tools}
        try:
            for tool in tools:
                repos[tool.name].parent.mkdir(exist_ok=True)
                tool.create(repos[tool.name])
            yield repos
        finally:
            corpus.clear(self.folder / "repos")

    def _main(self, tools: list[Tool]) -> None:
        with self._repositories(tools) as repos:
            for tool in tools:
                repo = repos[tool.name]
                self.time(FIRST, tool, partial(tool.backup, repo, self.corpus))
                self.sizes[FIRST, tool.name].append(corpus.measure(repo)[1])
            for tool in tools:
                repo = repos[tool.name]
                self.time(UNCHANGED, tool, partial(tool.backup, repo, self.corpus))
            for tool in tools:
                repo = repos[tool.name]
                self._restore(RESTORE, tool, repo, self.corpus)
            for tool in tools:
                repo = repos[tool.name]
                self.time(VERIFY, tool, partial(tool.verify, repo))
            # The corpus stays as it is now: the next round begins with it, for every tool alike.
            corpus.change(self.corpus, 0.01, seed=len(self.runs[CHANGED, tools[0].name]))
            for tool in tools:
                repo = repos[tool.name]
                self.time(CHANGED, tool, partial(tool.backup, repo, self.corpus))

    def _restore(self, step: str, tool: Tool, repo: Path, source: Path) -> None:
        target = self.folder / "restored"
        try:
            self.time(step, tool, partial(tool.restore, repo, target))
            self._compare(source, target)
        finally:
            corpus.clear(target)

    def _compare(self, source: Path, target: Path) -> None:
        """Refuse a restore that is not what was backed up: counts and bytes always, content in the first round."""
        expected = corpus.measure(source)
        if corpus.measure(target) != expected:
            raise SystemExit(f"{target} is not {source}: {corpus.measure(target)}, not {expected} (files, bytes)")
        if len(self.runs.get((RESTORE, OURS), ())) == 1 and (target / "a").is_dir():
            for path in source.rglob("*"):
                if path.is_file() and not filecmp.cmp(path, target / path.relative_to(source), shallow=False):
                    raise SystemExit(f"{path} was restored with other content")

    def _prune(self, tools: list[Tool]) -> None:
        with self._repositories(tools) as repos:
            for tool in tools:
                repo = repos[tool.name]
                for half in ("a", "b"):
                    self._back_up_as(self.folder / "half", self.corpus / half, tool, repo)
                _, before = corpus.measure(repo)
                self.time(PRUNE, tool, partial(tool.forget_oldest, repo))
                _, after = corpus.measure(repo)
                if after > PRUNED * before:
                    raise SystemExit(f"{tool.name} pruned {before} bytes to {after}: that is not half")
                self.sizes[PRUNE, tool.name].append(after)

    def _back_up_as(self, name: Path, source: Path, tool: Tool, repo: Path) -> None:
        """Back up the folder under another name: rules of forget count for each source apart."""
        source.rename(name)
        try:
            tool.backup(repo, name)
        finally:
            name.rename(source)

    def _clients(self, tools: list[Tool]) -> None:
        users = sorted([*(self.corpus / "a").iterdir(), *(self.corpus / "b").iterdir()])
        able = [tool for tool in tools if tool.many_clients]
        with self._repositories(able) as repos:
            for tool in able:
                repo = repos[tool.name]

                def all_users(tool: Tool = tool, repo: Path = repo) -> None:
                    with ThreadPoolExecutor(AT_ONCE) as pool:
                        list(pool.map(lambda user: tool.backup(repo, user, host=user.parent.name + user.name), users))

                self.time(CLIENTS, tool, all_users)
                self.sizes[CLIENTS, tool.name].append(corpus.measure(repo)[1])

    def _small(self, tools: list[Tool]) -> None:
        source = self.folder / "small"
        if not source.exists():
            say(f"making {self.options.small} small files")
            corpus.make_small_files(source, self.options.small)
        with self._repositories(tools) as repos:
            for step in (SMALL, SMALL_AGAIN):
                for tool in tools:
                    repo = repos[tool.name]
                    self.time(step, tool, partial(tool.backup, repo, source))
                    self.sizes[step, tool.name].append(corpus.measure(repo)[1])
            for tool in tools:
                self._restore(SMALL_RESTORE, tool, repos[tool.name], source)

    def _large(self, tools: list[Tool]) -> None:
        source = self.folder / "large"
        if not source.exists():
            source.mkdir()
            corpus.make_large_file(source / "large.bin", self.options.size // 3)
        with self._repositories(tools) as repos:
            for tool in tools:
                repo = repos[tool.name]
                self.time(LARGE, tool, partial(tool.backup, repo, source))
                self.sizes[LARGE, tool.name].append(corpus.measure(repo)[1])
            for tool in tools:
                self._restore(LARGE_RESTORE, tool, repos[tool.name], source)

    def report(self, tools: list[Tool]) -> None:
        """Print the medians, the sizes and how far Holdfast is ahead."""
        steps = list(dict.fromkeys(step for step, _ in self.runs))
        print(f"\n{'wall s / CPU s':20}" + "".join(f"{tool.name:>20}" for tool in tools))
        for step in steps:
            print(f"{step:20}" + "".join(f"{self._cell(step, tool):>20}" for tool in tools))
        for ours in (tool for tool in tools if tool.name.startswith(OURS)):
            self._report_ratios(steps, ours, [tool for tool in tools if not tool.name.startswith(OURS)])
        print(f"\n{'repository, MiB':20}" + "".join(f"{tool.name:>20}" for tool in tools))
        for step in dict.fromkeys(step for step, _ in self.sizes):
            cells = (self.sizes.get((step, tool.name)) for tool in tools)
            print(f"{step:20}" + "".join(f"{median(c) / MIB if c else float('nan'):>20.0f}" for c in cells))
        print(f"\n{'peak memory, MiB':20}" + "".join(f"{tool.name:>20}" for tool in tools))
        for step in steps:
            peaks = ([run.peak_bytes for run in self.runs.get((step, tool.name), [])] for tool in tools)
            print(f"{step:20}" + "".join(f"{max(p) / MIB if p else float('nan'):>20.0f}" for p in peaks))

    def _report_ratios(self, steps: list[str], ours: Tool, theirs: list[Tool]) -> None:
        print(f"\n{ours.name}: ahead by wall (CPU) of")
        print(f"{'':20}" + "".join(f"{tool.name:>20}" for tool in theirs) + f"{'target':>10}")
        for step in steps:
            target = f"{TARGETS[step]:.1f}" if step in TARGETS else ""
            print(f"{step:20}" + "".join(f"{self._ratio(step, ours, tool):>20}" for tool in theirs) + f"{target:>10}")

    def _median(self, step: str, tool: Tool) -> tuple[float, float] | None:
        runs = self.runs.get((step, tool.name))
        return (median(run.wall for run in runs), median(run.cpu for run in runs)) if runs else None

    def _cell(self, step: str, tool: Tool) -> str:
        found_ = self._median(step, tool)
        return f"{found_[0]:.2f} / {found_[1]:.2f}" if found_ else "-"

    def _ratio(self, step: str, ours: Tool, theirs: Tool) -> str:
        mine, other = self._median(step, ours), self._median(step, theirs)
        if mine is None or other is None:
            return "-"
        return f"{other[0] / mine[0]:.2f} ({other[1] / mine[1]:.2f})"

    def as_json(self) -> str:
        """Return every run, for a program."""
        runs = [
            {"step": step, "tool": tool, "wall": run.wall, "cpu": run.cpu, "peak_bytes": run.peak_bytes}
            for (step, tool), measured in self.runs.items()
            for run in measured
        ]
        sizes = [{"step": step, "tool": tool, "bytes": sizes} for (step, tool), sizes in self.sizes.items()]
        return json.dumps({"machine": machine(), "runs": runs, "sizes": sizes}, indent=1)


def say(text: str) -> None:
    """Tell how far the run is, on stderr."""
    print(text, file=sys.stderr, flush=True)


def size_of(text: str) -> int:
    """Return the bytes that `512MiB` means."""
    for unit, factor in UNITS.items():
        if text.endswith(unit) and text.removesuffix(unit).strip().isdigit():
            return int(text.removesuffix(unit)) * factor
    raise argparse.ArgumentTypeError(f"must be a number of KiB, MiB or GiB such as 512MiB, got {text!r}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size_of, default=3 << 30, help="of the corpus; 3GiB by default")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=42_000, help="how many small files")
    parser.add_argument("--restic", default="restic", help="the program to measure as restic")
    parser.add_argument("--borg", default="borg", help="the program to measure as borg")
    parser.add_argument("--tools", default="", help="names to measure, comma-separated; all that are found by default")
    parser.add_argument("--groups", default="main,prune,clients,small,large", help="which groups of steps")
    parser.add_argument("--work", type=Path, help="folder to work in")
    parser.add_argument("--json", type=Path, help="file to write every run to")
    return parser.parse_args()


def _place(options: argparse.Namespace) -> Path:
    memory = Path("/dev/shm")
    if options.work:
        work = Path(options.work)
        work.mkdir(parents=True, exist_ok=True)
        return work
    if memory.is_dir() and shutil.disk_usage(memory).free > ROOM * options.size:
        return memory
    return Path(tempfile.gettempdir())


def main() -> None:
    """Measure, then print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", dir=_place(options)) as scratch:
        folder = Path(scratch)
        (folder / "home").mkdir()
        tools, absent = found(folder, options.restic, options.borg)
        tools = [tool for tool in tools if not options.tools or tool.name in options.tools.split(",")]
        print(f"{machine()}; repositories and targets in {_place(options)}")
        print("; ".join(tool.version() for tool in tools))
        for line in absent:
            print(line)
        bench = Bench(folder, options)
        bench.prepare()
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            first = number % len(tools)
            bench.round([*tools[first:], *tools[:first]])
        bench.report(tools)
        if options.json:
            options.json.write_text(bench.as_json())


if __name__ == "__main__":
    main()
