"""The catalogue page and the coverage table are those of the rules at hand."""

from __future__ import annotations

import re
from pathlib import Path

from holdfast.checks.catalogue import page
from holdfast.checks.registry import built_in
from holdfast.checks.suppression import EXPIRED, MISSING_REASON, UNUSED

DOCS = Path(__file__).parents[3] / "docs"
DEFECTS = [*(f"B{n}" for n in range(1, 28) if n != 26), *(f"A{n}" for n in range(1, 27) if n not in (22, 23))]
DEFECTS += [f"P{n}" for n in range(1, 8)]
ERRORS = [f"BG-{n:02}" for n in range(1, 37)]


def test_catalogue_page_is_up_to_date() -> None:
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == page(built_in())


def coverage() -> dict[str, str]:
    rows = re.findall(r"^\| ([ABP]\d+|BG-\w+) \| (.*?) \|", (DOCS / "checks-coverage.md").read_text(), re.MULTILINE)
    return dict(rows)


def test_coverage_names_every_defect_and_every_error() -> None:
    assert [key for key in DEFECTS + ERRORS if key not in coverage()] == []


def test_coverage_names_only_rules_that_exist() -> None:
    known = {rule.id for rule in built_in()} | {MISSING_REASON, EXPIRED, UNUSED}
    named = {rule for cell in coverage().values() for rule in re.findall(r"\b[A-Z]{3}\d{3}\b", cell)}
    assert named <= known
    assert named
