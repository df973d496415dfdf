"""Puts a report into a folder, whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from holdfast.errors import StoreUnavailable
from holdfast.report.html import to_html
from holdfast.report.model import HTML_NAME, JSON_NAME, Report, load, to_json


def write(report: Report, directory: Path) -> Path:
    """Write `rehearsal.json` and `report.html`, each replaced in one move; return the page's path."""
    replace_file(directory / JSON_NAME, to_json(report))
    return write_html(report, directory)


def write_html(report: Report, directory: Path) -> Path:
    """Write `report.html` alone; return its path."""
    path = directory / HTML_NAME
    replace_file(path, to_html(report).encode())
    return path


def rebuild(directory: Path) -> tuple[Report, Path]:
    """Draw the page again from the folder's `rehearsal.json`; return the report and the page's path."""
    report = load(directory)
    return report, write_html(report, directory)


def clear(directory: Path) -> None:
    """Remove an earlier run's report, so that a run that fails early never leaves it looking like its own."""
    for name in (HTML_NAME, JSON_NAME):
        (directory / name).unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole, in one move, or leave what is there; write to what is a device or a pipe, as any tool does.

    Raises:
        StoreUnavailable: it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        raise StoreUnavailable(f"cannot write {path}: {error.strerror}; make room or choose another place") from error


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(data)
        os.replace(partial, path)  # noqa: PTH105
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
