"""`docs/embedded-coverage.md` says what the platforms' templates use today."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.rehearsal.coverage_page import page, synthesized, types_of
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import Support

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_tells_support_users_and_what_is_not_told_back() -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "q", "Odd": 1}}
    mine = {"Type": "Custom::Mine", "Properties": {"ServiceToken": "t"}}
    templates = {"one": [{"Resources": {"Q": queue, "M": mine}}], "two": [{"Resources": {"Q": queue}}]}
    support = {"AWS::SQS::Queue": Support.REAL, "Custom::Mine": Support.RECORDED}

    lines = page(templates, support).splitlines()

    assert "| `one` | 2 | 1 | 1 | 0 |" in lines
    assert "| `AWS::SQS::Queue` | acts | one, two | Odd (nothing reads it back) |" in lines
    assert next(line for line in lines if "Custom::Mine" in line).startswith("| `Custom::Mine` | recorded | one | all:")


@pytest.mark.emulator
@pytest.mark.synth
def test_the_page_is_current(tmp_path: Path) -> None:
    templates = synthesized(tmp_path)
    with embedded_aws(folder=tmp_path) as aws:
        support = aws.support(types_of(templates))
    written = (DOCS / "embedded-coverage.md").read_text(encoding="utf-8")
    assert written == page(templates, support), "run `python -m holdfast.rehearsal.coverage_page` and write the page"
    assert Support.REFUSED not in support.values()
