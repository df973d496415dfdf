from __future__ import annotations

import pytest

from holdfast.backup.sources.exclude import Exclude
from holdfast.errors import InvalidRequest


def left_out(patterns: list[str], path: str) -> bool:
    """A path that ends with a slash is a folder."""
    names = tuple(name.encode() for name in path.rstrip("/").split("/"))
    return Exclude([pattern.encode() for pattern in patterns])(names, path.endswith("/"))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.tmp", "a.tmp", True),
        ("*.tmp", "deep/down/a.tmp", True),
        ("*.tmp", "a.tmp.txt", False),
        ("cache", "x/cache/", True),
        ("cache/", "x/cache/", True),
        ("cache/", "x/cache", False),
        ("/cache", "cache/", True),
        ("/cache", "x/cache/", False),
        ("a/b", "a/b", True),
        ("a/b", "x/a/b", False),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("**/b", "a/x/b", True),
        ("**/b", "b", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a/", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("?", "x", True),
        ("?", "xy", False),
        ("[ab]c", "bc", True),
        ("[!ab]c", "bc", False),
        ("[!ab]c", "xc", True),
        ("[a-c].x", "b.x", True),
        ("[", "[", True),
        (r"\*", "*", True),
        (r"\*", "x", False),
        ("a.b", "axb", False),
        ("*", "new\nline", True),
        ("ä*", "ähnlich", True),
    ],
)
def test_patterns_match_as_in_a_gitignore(pattern: str, path: str, expected: bool) -> None:
    assert left_out([pattern], path) is expected


def test_the_last_pattern_that_matches_decides() -> None:
    patterns = ["*.log", "!keep.log", "old/keep.log"]
    assert not left_out(patterns, "x/keep.log")
    assert left_out(patterns, "x/other.log")
    assert left_out(patterns, "old/keep.log")


def test_names_that_are_not_text_match() -> None:
    assert Exclude([b"\xff*"])((b"\xff\xfe",), False)


@pytest.mark.parametrize("pattern", [b"", b"/", b"!", b"[z-a]"])
def test_a_pattern_that_cannot_work_is_refused(pattern: bytes) -> None:
    with pytest.raises(InvalidRequest, match="the pattern"):
        Exclude([pattern])
