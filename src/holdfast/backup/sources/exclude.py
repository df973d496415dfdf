"""Patterns that leave parts of a source out, written as in a .gitignore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import NamedTuple

from holdfast.backup.entry import Path
from holdfast.errors import InvalidRequest


class _Rule(NamedTuple):
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

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left out."""
        return not self._rules

    def __call__(self, path: Path, is_directory: bool) -> bool:
        """Say whether `path`, below its source's root, is left out."""
        whole = b"/".join(path)
        for rule in reversed(self._rules):
            if (is_directory or not rule.only_directories) and rule.expression.fullmatch(
                whole if rule.anchored else path[-1]
            ):
                return rule.excludes
        return False


CACHE_TAG = b"CACHEDIR.TAG"
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
"""What the tag begins with. Source: https://bford.info/cachedir/"""


def is_cache(folder: int) -> bool:
    """Say whether the open folder is tagged as a cache, whose content can be made again."""
    try:
        fd = os.open(CACHE_TAG, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        return os.read(fd, len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False
    finally:
        os.close(fd)


def read_patterns(file: FilePath) -> list[bytes]:
    """Return the patterns of a file, one a line; blank lines and those that start with `#` are passed over.

    Raises:
        InvalidRequest: the file cannot be read.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InvalidRequest(f"the exclude file {str(file)!r} cannot be read: {error.strerror}") from error
    patterns = [_without_trailing_blanks(line) for line in lines]
    return [pattern for pattern in patterns if pattern and not pattern.startswith(b"#")]


def _without_trailing_blanks(line: bytes) -> bytes:
    text = line.rstrip(b" \t")
    return text + line[len(text) :][:1] if text.endswith(b"\\") else text


def _rule(pattern: bytes) -> _Rule:
    excludes = not pattern.startswith(b"!")
    text = pattern.removeprefix(b"!")
    body = text.rstrip(b"/")
    if not body:
        raise InvalidRequest(
            f"the pattern {os.fsdecode(pattern)!r} matches nothing; write a name or a path such as 'cache/'"
        )
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
