from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.platforms import reading

PAGE = Path(__file__).parents[2] / "docs" / "requirements" / "backup-vault.md"
TESTS = Path(__file__).parents[1]
BEHAVIOURS = [f"BS-{number}" for number in range(49, 60)]
LINES = [f"BS-{number:02d}" for number in range(1, 96)]
ROW = re.compile(r"\| (BS-\d\d) \| (letter|right way|deviates) \| (.*?) \| (.*) \|")


def rows() -> dict[str, tuple[str, str, list[str]]]:
    found = [ROW.fullmatch(line) for line in PAGE.read_text().splitlines()]
    return {row[1]: (row[2], row[3], re.findall(r"`([^`]+)`", row[4])) for row in found if row}


@pytest.fixture(scope="module")
def proofs() -> dict[str, list[str]]:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.platforms.{path.stem}")
    return reading.REQUIREMENTS


def test_every_line_has_a_row() -> None:
    assert list(rows()) == LINES


@pytest.mark.parametrize("line", LINES)
def test_row_names_the_tests_that_prove_its_line(proofs: dict[str, list[str]], line: str) -> None:
    assert [name for name in rows()[line][2] if "/" not in name] == sorted(proofs[line])


@pytest.mark.parametrize("line", BEHAVIOURS)
def test_row_of_a_behaviour_names_tests_of_the_code_that_exist(line: str) -> None:
    named = [name for name in rows()[line][2] if "/" in name]
    assert named
    for name in named:
        path, _, test = name.partition("::")
        assert re.search(rf"^\s*def {test}\(", (TESTS / path).read_text(), re.MULTILINE), name


def test_no_test_proves_a_line_that_does_not_exist(proofs: dict[str, list[str]]) -> None:
    assert set(proofs) <= set(LINES)


def test_every_deviation_has_a_reason() -> None:
    assert [line for line, (held, reason, _) in rows().items() if held == "deviates" and len(reason) < 40] == []


def test_summary_counts_the_rows() -> None:
    kinds = [held for held, _, _ in rows().values()]
    summary = "{} lines to the letter, {} the right way, {} deviate.".format(
        *(kinds.count(kind) for kind in ("letter", "right way", "deviates"))
    )
    assert summary in PAGE.read_text()
