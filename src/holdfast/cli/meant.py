"""Which verb was meant: one that is spelled alike, or that does what another tool's verb of this name does."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# As docs/from-restic-and-borg.md has them; `init` and `check` are verbs here, of another meaning.
ELSEWHERE = {
    "cat": ["dump"],
    "compact": ["prune"],
    "create": ["repo create", "backup"],
    "delete": ["forget"],
    "extract": ["restore"],
    "help": ["--help"],
    "info": ["stats"],
    "key": ["repo key"],
    "list": ["snapshots", "ls"],
    "rebuild": ["repo rebuild"],
    "recover": ["repo rebuild"],
}


def meant_by(word: str, verbs: Iterable[str]) -> list[str]:
    """Return up to two verbs that may have been meant, the likelier first."""
    return ELSEWHERE.get(word) or get_close_matches(word, verbs, n=2)
