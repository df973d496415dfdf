"""Every test that docs/yardsticks.md names is there, and no row is without one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "yardsticks.md").read_text()
ROWS = re.findall(r"^\| [^|]+ \| [^|]*\| `([^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE)


@cache
def named_in(path: str) -> frozenset[str]:
    """Return what a module defines at its top: tests, and the test cases of state machines."""
    found = set()
    for node in ast.parse((ROOT / "tests" / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


@pytest.mark.parametrize("test", ROWS)
def test_a_test_that_the_page_names_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in named_in(path)


def test_every_row_of_the_tables_of_scenarios_has_its_test() -> None:
    tables = PAGE.partition("## Not tried")[0]
    rows = [line for line in tables.splitlines() if line.startswith("| ") and not line.startswith("| scenario")]
    assert len(rows) == len(ROWS)
    assert len(ROWS) > 130
