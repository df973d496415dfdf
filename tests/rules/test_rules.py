"""Every rule has its three templates and gives the right verdict on each."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.checks.registry import built_in
from holdfast.checks.rule import Rule
from holdfast.checks.testing import cases, complaint

HERE = Path(__file__).parent
RULES = {rule.id: rule for rule in built_in()}
CASES = [
    pytest.param(rule, kind, path, id=f"{rule.id}-{path.stem}")
    for rule in RULES.values()
    if (HERE / rule.topic / rule.id).is_dir()
    for kind, path in cases(HERE / rule.topic / rule.id)
]


@pytest.mark.parametrize(("rule", "kind", "path"), CASES)
def test_rule_gives_the_verdict_its_template_is_named_after(rule: Rule, kind: str, path: Path) -> None:
    assert complaint(rule, kind, path) is None


def test_every_rule_has_a_folder_of_templates() -> None:
    assert [rule.id for rule in RULES.values() if not (HERE / rule.topic / rule.id).is_dir()] == []


def test_every_folder_belongs_to_a_rule() -> None:
    folders = {path.name for topic in HERE.iterdir() if topic.is_dir() for path in topic.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= set(RULES)
