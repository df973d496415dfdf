"""Patterns that leave parts of a source out, written as in a .gitignore."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.backup.entry import Path
from holdfast.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class _Rule:
    expression: re.Pattern[bytes]
    excludes: bool
    only_directories: bool
    anchored: bool


class Exclude:
    """Says what a source leaves out; the last pattern that matches decides.

    A pattern without a slash matches a name at any depth; one with a slash matches a path from the source's folder.
    `*`, `?` and `[...]` stay within a name, `**` crosses folders, a trailing slash matches folders only, `!` takes back
    in (but not below a folder left out).
    """

    def __init__(self, patterns: Iterable[bytes] = ()) -> None:
        self._rules = [_rule(pattern) for pattern in patterns]

    def __call__(self, path: Path, is_directory: bool) -> bool:
        """Say whether `path`, below its source's root, is left out."""
        if not self._rules:
            return False
        whole = b"/".join(path)
        for rule in reversed(self._rules):
            if (is_directory or not rule.only_directories) and rule.expression.fullmatch(
                whole if rule.anchored else path[-1]
            ):
                return rule.excludes
        return False


def _rule(pattern: bytes) -> _Rule:
    excludes = not pattern.startswith(b"!")
    text = pattern.removeprefix(b"!")
    body = text.rstrip(b"/")
    if not body:
        raise InvalidRequest(f"the pattern {pattern!r} matches nothing; write a name or a path such as 'cache/'")
    try:
        expression = re.compile(_translate(body.lstrip(b"/")), re.DOTALL)
    except re.error as error:
        raise InvalidRequest(
            f"the pattern {pattern!r} cannot be read: {error}; see `holdfast backup --help`"
        ) from error
    return _Rule(expression, excludes, text.endswith(b"/"), b"/" in body)


_TOKEN = re.compile(rb"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)
_WILD = {b"**/": rb"(?:.*/)?", b"/**": rb"/.*", b"**": rb".*", b"*": rb"[^/]*", b"?": rb"[^/]"}


def _translate(pattern: bytes) -> bytes:
    return b"".join(_expression(token) for token in _TOKEN.findall(pattern))


def _expression(token: bytes) -> bytes:
    if token in _WILD:
        return _WILD[token]
    if len(token) > 2 and token.startswith(b"["):
        inside = token[1:-1].replace(b"\\", rb"\\").replace(b"[", rb"\[")
        return b"(?!/)[^" + inside[1:] + b"]" if inside[:1] in (b"!", b"^") else b"(?!/)[" + inside + b"]"
    if len(token) == 2 and token.startswith(b"\\"):
        return re.escape(token[1:])
    return re.escape(token)
