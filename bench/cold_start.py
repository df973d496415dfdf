"""CPU seconds of `holdfast --help`, as a ratio to a bare interpreter and to the AWS command-line library's import."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

ROUNDS = 9
COMMANDS = {
    "holdfast --help": [sys.executable, "-m", "holdfast", "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "import boto3": [sys.executable, "-c", "import boto3"],
}


def cpu_seconds(command: list[str]) -> float:
    """Return user and system seconds of one run of `command`, byte code cached."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run the commands in turn and print each median and its ratio to the bare interpreter."""
    runs = {name: [cpu_seconds(command)] for name, command in COMMANDS.items()}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            runs[name].append(cpu_seconds(command))
    medians = {name: statistics.median(times[1:]) for name, times in runs.items()}
    for name, median in medians.items():
        print(f"{name:18} {median:6.3f} s CPU  {median / medians['python -c pass']:5.2f} x a bare interpreter")


if __name__ == "__main__":
    main()
