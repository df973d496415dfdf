"""Remembers the Python file and line that made each construct; the CDK's own stack traces end at its bridge.

Every construct made from Python is an instance made by one metaclass of the bridge, so its call is watched. What the
CDK makes inside itself (the resource below a bucket) has the line of the nearest construct above it.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from constructs import Construct

_LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for folder in {
        *site.getsitepackages(),
        site.getusersitepackages(),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


class Origins:
    """The place, `app.py:12`, of every construct made while it watched; places are relative to the working folder."""

    def __init__(self) -> None:
        self._made: list[tuple[Construct, str]] = []

    def note(self, construct: Construct, place: str) -> None:
        """Remember where `construct` was made."""
        self._made.append((construct, place))

    def by_path(self) -> Mapping[str, str]:
        """Return construct path to place. Asks the bridge for each path, so call it only when something was found."""
        return {made.node.path: place for made, place in self._made}


def place_of(construct_path: str | None, places: Mapping[str, str]) -> str | None:
    """Return where the construct at a path, or the nearest above it, was made; None when nobody saw it."""
    if not construct_path:
        return None
    path = PurePosixPath(construct_path)
    return next((places[str(one)] for one in (path, *path.parents) if str(one) in places), None)


def watch(origins: Origins) -> Callable[[], None]:
    """Note every construct made from now on in `origins`, until what is returned is called."""
    from constructs import Construct
    from jsii._runtime import JSIIMeta

    make = JSIIMeta.__call__

    def call(cls: Any, *args: Any, **kwargs: Any) -> Any:
        place = _caller(sys._getframe(1))
        made = make(cls, *args, **kwargs)
        if isinstance(made, Construct):
            origins.note(made, place)
        return made

    def end() -> None:
        JSIIMeta.__call__ = make  # type: ignore[method-assign]

    JSIIMeta.__call__ = call  # type: ignore[method-assign]
    return end


def _caller(frame: FrameType | None) -> str:
    """Return file and line of the first frame outside libraries; of the first of all when there is none."""
    first = here = frame
    while here is not None and here.f_code.co_filename.startswith(_LIBRARIES):
        here = here.f_back
    chosen = here or first
    return _place(chosen.f_code.co_filename, chosen.f_lineno) if chosen else ""


def _place(file: str, line: int) -> str:
    path = Path(file)
    here = Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
