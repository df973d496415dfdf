"""The backup tools that are measured side by side, each by its own command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bench.measured import run

OURS = "holdfast"
PASSWORD = "correct horse battery staple"
NOTHING: Mapping[str, str] = {}
FASTEST_RESTIC = ("--compression", "fastest", "--pack-size", "64", "--no-extra-verify")


Repo = Path | str
"""A folder, or the name of one elsewhere."""


class Tool(Protocol):
    """One backup program, or one way to run it."""

    name: str
    many_clients: bool

    def version(self) -> str:
        """Return name and version."""

    def create(self, repo: Repo) -> None:
        """Make an empty repository."""

    def backup(self, repo: Repo, source: Path, *, host: str = "bench") -> None:
        """Store `source` as one snapshot, taking the newest one of the same host as the base."""

    def restore(self, repo: Repo, target: Path) -> None:
        """Write the newest snapshot to `target`, which does not exist."""

    def verify(self, repo: Repo) -> None:
        """Read and check every byte."""

    def forget_oldest(self, repo: Repo) -> None:
        """Drop all snapshots but the newest and reclaim their space."""


class Holdfast:
    """Holdfast from this very tree, opening its repositories with a key file, or with a password as the others do."""

    many_clients = True

    def __init__(self, scratch: Path, environment: Mapping[str, str] = NOTHING, *, by_password: bool = False) -> None:
        self.name = f"{OURS} password" if by_password else OURS
        self._command = str(Path(sys.executable).parent / "holdfast")
        key = {"HOLDFAST_PASSWORD": PASSWORD} if by_password else {"HOLDFAST_KEY_FILE": str(scratch / "key")}
        self._environment = environment_in(scratch, **key, **environment)

    def _run(self, *arguments: str) -> None:
        run([self._command, *arguments, "--quiet"], self._environment)

    def version(self) -> str:
        """Return name and version."""
        return _output([self._command, "--version"], self._environment)

    def create(self, repo: Repo) -> None:
        """Make an empty repository."""
        run([self._command, "repo", "create", str(repo)], self._environment)

    def backup(self, repo: Repo, source: Path, *, host: str = "bench") -> None:
        """Store `source` as one snapshot."""
        self._run("backup", str(source), "--repo", str(repo), "--host", host)

    def restore(self, repo: Repo, target: Path) -> None:
        """Write the newest snapshot to `target`."""
        self._run("restore", "latest", "--target", str(target), "--repo", str(repo))

    def verify(self, repo: Repo) -> None:
        """Read and check every byte."""
        self._run("verify", "--read-data", "--repo", str(repo))

    def verify_structure(self, repo: Repo) -> None:
        """Check that every snapshot's chunks have a place, without reading data."""
        self._run("verify", "--repo", str(repo))

    def listed(self, repo: Repo) -> None:
        """List the snapshots."""
        run([self._command, "snapshots", "--repo", str(repo)], self._environment)

    def forget_oldest(self, repo: Repo) -> None:
        """Drop all snapshots but the newest and reclaim their space."""
        self._run("forget", "--keep-last", "1", "--apply", "--prune", "--repo", str(repo))


class Restic:
    """restic, with options given to every command."""

    many_clients = True

    def __init__(
        self,
        scratch: Path,
        program: str,
        name: str,
        options: Sequence[str],
        readers: int | None,
        environment: Mapping[str, str] = NOTHING,
    ) -> None:
        self.name = name
        self._program = program
        self._options = [*options, "--cache-dir", str(scratch / f"cache-{name.replace(' ', '-')}")]
        self._readers = ["--read-concurrency", str(readers), "--no-scan"] if readers else []
        self._environment = environment_in(scratch, RESTIC_PASSWORD=PASSWORD, **environment)

    def _run(self, repo: Repo, *arguments: str) -> None:
        run([self._program, "-q", "-r", str(repo), *self._options, *arguments], self._environment)

    def version(self) -> str:
        """Return name and version."""
        return _output([self._program, "version"], self._environment)

    def create(self, repo: Repo) -> None:
        """Make an empty repository."""
        self._run(repo, "init")

    def backup(self, repo: Repo, source: Path, *, host: str = "bench") -> None:
        """Store `source` as one snapshot."""
        self._run(repo, "backup", *self._readers, "--host", host, str(source))

    def restore(self, repo: Repo, target: Path) -> None:
        """Write the newest snapshot to `target`."""
        self._run(repo, "restore", "latest", "--target", str(target))

    def verify(self, repo: Repo) -> None:
        """Read and check every byte."""
        self._run(repo, "check", "--read-data")

    def forget_oldest(self, repo: Repo) -> None:
        """Drop all snapshots but the newest and reclaim their space."""
        # Snapshots are grouped by host and paths by default; here all are one group, as for the others.
        self._run(repo, "forget", "--group-by", "", "--keep-last", "1", "--prune")


class Borg:
    """borg with its fastest compression, a key in the repository."""

    name = "borg lz4"
    many_clients = False

    def __init__(self, scratch: Path, program: str) -> None:
        self._program = program
        self._environment = environment_in(
            scratch,
            BORG_PASSPHRASE=PASSWORD,
            BORG_BASE_DIR=str(scratch / "borg"),
            BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
            BORG_DELETE_I_KNOW_WHAT_I_AM_DOING="YES",
        )
        self._count = 0

    def _run(self, *arguments: str, folder: Path | None = None) -> None:
        run([self._program, *arguments], self._environment, folder)

    def version(self) -> str:
        """Return name and version."""
        return _output([self._program, "--version"], self._environment)

    def create(self, repo: Repo) -> None:
        """Make an empty repository."""
        self._run("init", "-e", "repokey-blake2", str(repo))

    def backup(self, repo: Repo, source: Path, *, host: str = "bench") -> None:
        """Store `source` as one archive."""
        self._count += 1
        self._run("create", "-C", "lz4", f"{repo}::{host}-{self._count:06}", str(source))

    def _archives(self, repo: Repo) -> list[str]:
        listed = json.loads(_output([self._program, "list", "--json", str(repo)], self._environment))
        return [archive["name"] for archive in listed["archives"]]

    def restore(self, repo: Repo, target: Path) -> None:
        """Write the newest archive to `target`."""
        target.mkdir()
        self._run("extract", f"{repo}::{self._archives(repo)[-1]}", folder=target)

    def verify(self, repo: Repo) -> None:
        """Read and check every byte."""
        self._run("check", "--verify-data", str(repo))

    def forget_oldest(self, repo: Repo) -> None:
        """Drop all archives but the newest and reclaim their space."""
        self._run("prune", "--keep-last", "1", str(repo))
        self._run("compact", str(repo))


def environment_in(scratch: Path, **more: str) -> Mapping[str, str]:
    """Return what a measured command finds in its environment: nothing of this process but where programs are."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(scratch / "home"), **more}


def _output(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=dict(environment), check=True, capture_output=True, text=True)
    return done.stdout.strip()


def found(scratch: Path, restic: str, borg: str) -> tuple[list[Tool], list[str]]:
    """Return the tools that are there, Holdfast first, and a line for each that is not."""
    tools: list[Tool] = [Holdfast(scratch), Holdfast(scratch, by_password=True)]
    absent = []
    if shutil.which(restic):
        slow, fast = (
            Restic(scratch, restic, "restic", (), None),
            Restic(scratch, restic, "restic fastest", FASTEST_RESTIC, 4),
        )
        tools += [fast, slow]
        if not re.search(r"restic 0\.(1[89]|[2-9]\d)|restic [1-9]", slow.version()):
            absent.append(f"{slow.version()} is older than 0.18: what follows says little about restic of today")
    else:
        absent.append(f"restic is absent: {restic!r} is no program here; give --restic")
    if shutil.which(borg):
        tools.append(Borg(scratch, borg))
    else:
        absent.append(f"borg is absent: {borg!r} is no program here; give --borg")
    return tools, absent
