"""The zip that all functions of the vault run: our code and the locked wheels, the same bytes wherever it is built.

No Docker: wheels are chosen for the target by the installer, not built. Left out is what no function imports, such as
the data of AWS services they do not call. The archive has sorted names, one fixed time and one fixed mode.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import holdfast
from holdfast.errors import InvalidRequest, StoreUnavailable

Architecture = Literal["arm64", "x86_64"]

PACKAGE = Path(holdfast.__file__).parent
LOCK = "lambda.txt"
OURS = ("__init__.py", "errors.py", "backup/**/*.py", "settings/__init__.py", "settings/variables.py", "vault/*.py")
NOT_OURS = ("vault/bundle.py",)

SERVICES = ("dynamodb", "kms", "s3", "sns", "sqs", "ssm", "sts")
DROPPED = (
    "bin/*",
    "*/__pycache__/*",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms/*",
    "*.pyi",
    "*.pyx",
    "*.pxd",
    "*.c",
    "*.h",
    "zstandard/_cffi.*",  # CPython takes the C backend
)
# Lambda's Amazon Linux 2023 has glibc 2.34: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
PLATFORMS: dict[str, str] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
PIP_PLATFORMS: dict[str, tuple[str, ...]] = {
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}
# The limit of what a function unpacks: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_UNPACKED = 250 * 1024 * 1024
FIRST_DAY = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o100644
COMPRESSION = 6
RECIPE = "1"
"""Part of every name: raise it when the same input shall give another zip."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A built zip; `sha256` is of its bytes, hex."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Wheels:
    """Which wheels are wanted: those of a named platform, or those that run here (`platform` None)."""

    python: str
    platform: str | None

    @property
    def name(self) -> str:
        return f"{self.platform or 'native-' + platform.machine()}-py{self.python.replace('.', '')}"


def build(directory: Path, *, architecture: Architecture, python: str = "3.13") -> Bundle:
    """Build the bundle for Lambda into `directory`; at once if the same one is there.

    Raises:
        InvalidRequest: no wheel installer, or an unknown architecture.
        StoreUnavailable: the locked wheels cannot be had.
    """
    if architecture not in PLATFORMS:
        raise InvalidRequest(f"architecture must be one of {', '.join(PLATFORMS)}, got {architecture!r}")
    return _build(directory, _Wheels(python, architecture))


def build_native(directory: Path, *, python: str | None = None) -> Bundle:
    """Build the same bundle with wheels of this machine, for its Python or the version named."""
    return _build(directory, _Wheels(python or f"{sys.version_info.major}.{sys.version_info.minor}", None))


def _build(directory: Path, wheels: _Wheels) -> Bundle:
    directory.mkdir(parents=True, exist_ok=True)
    ours = _our_files()
    path = directory / f"holdfast-vault-{wheels.name}-{_key(wheels, ours)}.zip"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=directory, prefix=".bundle-") as scratch:
            tree, partial = Path(scratch) / "tree", Path(scratch) / "bundle.zip"
            _install(tree, wheels)
            write_zip(partial, _their_files(tree) | ours)
            partial.replace(path)  # whoever builds the same at the same time writes the same bytes
    data = path.read_bytes()
    return Bundle(path, hashlib.sha256(data).hexdigest(), len(data))


def lock_path() -> Path:
    """Return the lock of the functions' wheels: beside this file when installed, else in the checkout."""
    for path in (Path(__file__).with_name(LOCK), PACKAGE.parents[1] / "requirements" / LOCK):
        if path.is_file():
            return path
    raise InvalidRequest(f"the lock {LOCK} is missing; install Holdfast anew, or run `make lock` in its checkout")


def _key(wheels: _Wheels, ours: Mapping[str, bytes]) -> str:
    """Return a name for everything the zip depends on."""
    found = hashlib.sha256(f"{RECIPE} {wheels.name} {SERVICES} {DROPPED}\n".encode())
    for name, data in [(LOCK, lock_path().read_bytes()), *sorted(ours.items())]:
        found.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    return found.hexdigest()[:12]


def _our_files() -> dict[str, bytes]:
    """Return our modules by their names in the zip: read once, since the name and the zip must mean the same bytes."""
    found = {path.relative_to(PACKAGE).as_posix(): path for pattern in OURS for path in PACKAGE.glob(pattern)}
    return {f"{PACKAGE.name}/{name}": path.read_bytes() for name, path in found.items() if name not in NOT_OURS}


def _install(target: Path, wheels: _Wheels) -> None:
    """Unpack the locked wheels into `target`."""
    command = [*_installer(wheels), "--target", str(target), "--requirement", str(lock_path())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-500:]
        raise StoreUnavailable(f"the functions' wheels for {wheels.name} cannot be installed: {said}; try again later")


def _installer(wheels: _Wheels) -> Sequence[str]:
    demands = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", wheels.python]
    if uv := _find_uv():
        chosen = ["--python-platform", PLATFORMS[wheels.platform]] if wheels.platform else []
        return [uv, "pip", "install", "--python", sys.executable, "--link-mode", "copy", *demands, *chosen]
    if importlib.util.find_spec("pip") is None:
        raise InvalidRequest("neither uv nor pip is there to fetch the functions' wheels; run `make setup`")
    platforms = PIP_PLATFORMS[wheels.platform] if wheels.platform else ()
    chosen = [part for name in platforms for part in ("--platform", name)]
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *demands, *chosen]


def _find_uv() -> str | None:
    local = PACKAGE.parents[1] / ".bootstrap" / "bin" / "uv"
    return str(local) if os.access(local, os.X_OK) else shutil.which("uv")


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the zip: names in order, nothing of this machine, time or umask in it."""
    if (size := sum(map(len, files.values()))) > MOST_UNPACKED:
        raise InvalidRequest(f"the bundle unpacks to {size} bytes, more than the {MOST_UNPACKED} Lambda allows")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = 3  # Unix, so that the mode counts
            entry.external_attr = FILE_MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=COMPRESSION)


def _their_files(tree: Path) -> dict[str, bytes]:
    """Return what is wanted of the wheels, by name in the zip."""
    named = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if not _is_dropped(name)}


def _is_dropped(name: str) -> bool:
    parts = name.split("/")
    if parts[:2] == ["botocore", "data"] and len(parts) > 3 and parts[2] not in SERVICES:
        return True
    return any(fnmatchcase(name, pattern) for pattern in DROPPED)
