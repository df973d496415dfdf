"""What it costs to start: CPU and wall seconds of `holdfast --help` and of an unchanged backup of an empty folder.

    python -m bench.cold_start [--rounds 9] [--restic /path/to/restic]

Commands run in turn, byte code cached; each figure is a median, and its ratio to a bare interpreter by CPU seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from bench.measured import Measured, measure, run
from bench.peers import Tool, environment_in, found

BARE = "python -c pass"


def main() -> None:
    """Run the commands in turn and print the median of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--restic", default="restic", help="the program to measure as restic")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        actions = _commands(Path(scratch)) | _backups(Path(scratch), options.restic)
        runs: dict[str, list[Measured]] = {name: [] for name in actions}
        for _ in range(options.rounds + 1):
            for name, action in actions.items():
                runs[name].append(measure(action))
        _report({name: measured[1:] for name, measured in runs.items()})


def _commands(scratch: Path) -> dict[str, Callable[[], object]]:
    commands = {
        BARE: ["-c", "pass"],
        "import boto3": ["-c", "import boto3"],
        "holdfast --help": ["-m", "holdfast", "--help"],
    }
    return {
        name: partial(run, [sys.executable, *arguments], environment_in(scratch))
        for name, arguments in commands.items()
    }


def _backups(scratch: Path, restic: str) -> dict[str, Callable[[], object]]:
    source = scratch / "source"
    source.mkdir()
    tools, _ = found(scratch, restic, borg="")
    return {f"backup, {tool.name}": partial(tool.backup, _created(tool, scratch, source), source) for tool in tools}


def _created(tool: Tool, scratch: Path, source: Path) -> Path:
    repo = scratch / tool.name.replace(" ", "-")
    tool.create(repo)
    tool.backup(repo, source)
    return repo


def _report(runs: dict[str, list[Measured]]) -> None:
    bare = median(one.cpu for one in runs[BARE])
    print(f"{'':26}{'CPU ms':>8}{'wall ms':>9}{'x bare':>8}")
    for name, measured in runs.items():
        cpu, wall = median(one.cpu for one in measured), median(one.wall for one in measured)
        print(f"{name:26}{cpu * 1e3:>8.0f}{wall * 1e3:>9.0f}{cpu / bare:>8.1f}")


if __name__ == "__main__":
    main()
