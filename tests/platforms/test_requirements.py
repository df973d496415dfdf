"""Every requirement line of every platform has a row in its page, and every row the tests that prove it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.platforms import reading

HERE = Path(__file__).parent
PAGES = HERE.parents[1] / "docs" / "requirements"


def numbered(prefix: str, last: int) -> list[str]:
    return [f"{prefix}-{number:02d}" for number in range(1, last + 1)]


LINES = {
    "backup-vault": numbered("BS", 95),
    "backup-archive": [*numbered("BK", 44), "BK-47", "BK-45", "BK-46"],
    "serverless-database": numbered("AU", 45),
    "transaction-database": numbered("MY", 89),
    "payment-database": numbered("PG", 42),
    "web-application": numbered("HA", 61),
    "payment-migration": [*numbered("BG", 36), *(f"BG-G{number}" for number in range(1, 8))],
}
ROW = re.compile(r"\| ([A-Z]{2}-G?\d+) \| (letter|right way|deviates) \| (.*?) \| (.*) \|")
BUILT = sorted(page.stem for page in PAGES.glob("*.md"))


def rows(platform: str) -> dict[str, tuple[str, str, list[str]]]:
    found = [ROW.fullmatch(line) for line in (PAGES / f"{platform}.md").read_text().splitlines()]
    return {row[1]: (row[2], row[3], re.findall(r"`([^`]+)`", row[4])) for row in found if row}


@pytest.fixture(scope="module")
def proofs() -> dict[str, list[str]]:
    for path in HERE.rglob("test_*.py"):
        importlib.import_module(f"tests.platforms.{'.'.join(path.relative_to(HERE).with_suffix('').parts)}")
    return reading.REQUIREMENTS


@pytest.mark.parametrize("platform", BUILT)
def test_every_line_has_a_row(platform: str) -> None:
    assert sorted(rows(platform)) == sorted(LINES[platform])


@pytest.mark.parametrize(("platform", "line"), [(platform, line) for platform in BUILT for line in LINES[platform]])
def test_row_names_the_tests_that_prove_its_line(proofs: dict[str, list[str]], platform: str, line: str) -> None:
    named = rows(platform)[line][2]
    marked = [name for name in named if (HERE / name.partition("::")[0]).exists()]
    assert named
    assert sorted(marked) == sorted(proofs.get(line, []))
    for name in set(named) - set(marked):
        path, _, test = name.partition("::")
        assert re.search(rf"^\s*def {test}\(", (HERE.parent / path).read_text(), re.MULTILINE), name


def test_no_test_proves_a_line_that_does_not_exist(proofs: dict[str, list[str]]) -> None:
    assert set(proofs) <= {line for named in LINES.values() for line in named}


@pytest.mark.parametrize("platform", BUILT)
def test_every_deviation_has_a_reason(platform: str) -> None:
    written = rows(platform).items()
    assert [line for line, (held, reason, _) in written if held == "deviates" and len(reason) < 40] == []


@pytest.mark.parametrize("platform", BUILT)
def test_summary_counts_the_rows(platform: str) -> None:
    kinds = [held for held, _, _ in rows(platform).values()]
    summary = "{} lines to the letter, {} the right way, {} deviate.".format(
        *(kinds.count(kind) for kind in ("letter", "right way", "deviates"))
    )
    assert summary in (PAGES / f"{platform}.md").read_text()
