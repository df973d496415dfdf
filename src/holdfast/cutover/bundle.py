"""The zip that the switch function runs: our code alone, the same bytes wherever it is built.

The SDK is Lambda's own, so that there is no wheel, no processor and nothing to download.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import holdfast
from holdfast.vault.bundle import write_zip

PACKAGE = Path(holdfast.__file__).parent
OURS = (
    "__init__.py",
    "errors.py",
    "settings/__init__.py",
    "settings/variables.py",
    "backup/__init__.py",
    "backup/clock.py",
    "backup/stores/__init__.py",
    "backup/stores/aws/__init__.py",
    "backup/stores/aws/clients.py",
    "backup/stores/aws/errors.py",
    "backup/stores/aws/service_models.py",
    "vault/__init__.py",
    "vault/custom_resource.py",
    "vault/log.py",
    "cutover/**/*.py",
)
NOT_OURS = ("cutover/bundle.py", "cutover/find.py", "cutover/memory.py")


def build(directory: Path) -> Path:
    """Build the zip into `directory`, at once if the same one is there; its name is of its content."""
    files = _files()
    key = hashlib.sha256()
    for name, data in sorted(files.items()):
        key.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    path = directory / f"holdfast-cutover-{key.hexdigest()[:12]}.zip"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".bundle-") as scratch:
            partial = Path(scratch) / "bundle.zip"
            write_zip(partial, files)
            partial.replace(path)
    return path


def _files() -> dict[str, bytes]:
    found = {path.relative_to(PACKAGE).as_posix(): path for pattern in OURS for path in PACKAGE.glob(pattern)}
    return {f"{PACKAGE.name}/{name}": path.read_bytes() for name, path in found.items() if name not in NOT_OURS}
