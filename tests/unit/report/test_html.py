from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from holdfast.report.html import headline, to_html
from holdfast.report.model import Trial
from tests.support.reports import any_promise, any_report, any_usage, any_use

GOLDEN = Path(__file__).parent / "golden" / "report.html"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>\x00\x1b[31m\u202e.txt"
VOID = {"meta", "br", "hr", "img"}


class Outline(HTMLParser):
    """Collects what a page has, and checks that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_page_is_as_it_was_agreed() -> None:
    # Written anew with: python -c "from tests.unit.report.test_html import agree; agree()"
    assert to_html(any_report()) == GOLDEN.read_text(encoding="utf-8")


def agree() -> None:
    GOLDEN.write_text(to_html(any_report()), encoding="utf-8")


def test_hostile_names_stay_text_everywhere() -> None:
    report = any_report()
    hostile = any_report(
        platforms=[HOSTILE],
        summary=HOSTILE,
        command=HOSTILE,
        promises=[any_promise(**dict.fromkeys(["name", "promised", "value", "how", "partly"], HOSTILE))],
        trials=[Trial(name=HOSTILE, expected=HOSTILE, observed=HOSTILE, passed=True)],
        steps=[
            dataclasses.replace(step, name=HOSTILE, says=HOSTILE, figures={HOSTILE: HOSTILE}) for step in report.steps
        ],
        events=[dataclasses.replace(event, what=HOSTILE) for event in report.events],
        backups=[dataclasses.replace(backup, name=HOSTILE) for backup in report.backups],
        series={name: dataclasses.replace(series, title=HOSTILE) for name, series in report.series.items()},
        read_back=[dataclasses.replace(row, resource=HOSTILE, wanted=HOSTILE, got=HOSTILE) for row in report.read_back],
        environment={HOSTILE: HOSTILE},
        usage=any_usage(by=HOSTILE, largest=[any_use(HOSTILE, 1000)]),
    )
    page = to_html(hostile)
    outline = Outline(page)
    assert "script" not in outline.tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert not {"\x00", "\x1b", "\u202e"} & set(page)
    assert "<script>alert(1)</script>" in "".join(outline.text)


def test_page_loads_nothing_from_anywhere() -> None:
    outline = Outline(to_html(any_report()))
    assert not {"script", "link", "iframe", "object", "img"} & set(outline.tags)
    assert not re.search(r"url\(|@import|https?://", to_html(any_report()))


def test_every_drawing_and_section_has_a_name_for_those_who_do_not_see() -> None:
    page = to_html(any_report())
    for drawing in re.findall(r"<svg[^>]*role=\"img\"[^>]*>", page):
        assert "aria-label=" in drawing
    sections = re.findall(r"<section[^>]*>", page)
    assert sections
    assert all("aria-labelledby=" in section for section in sections)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "4 of 5 promises held, 1 unproven"),
        ({"promises": [any_promise()]}, "The one promise held"),
        ({"promises": [any_promise(), any_promise(met=False)]}, "1 of 2 promises was not met"),
        ({"complete": False}, "The rehearsal did not finish"),
        ({"trials": [Trial(name="x", expected="a", observed="b", passed=False)]}, "1 trial failed"),
    ],
)
def test_headline_tells_the_verdict(changes: dict[str, object], says: str) -> None:
    report = any_report(**changes)
    assert headline(report) == says
    assert says in to_html(report)


def test_an_empty_unfinished_report_is_still_a_page() -> None:
    empty = any_report(
        complete=False, stopped="interrupted in `deploy`", summary="", promises=[], steps=[], trials=(), events=(),
        backups=(), replication_lag=(), series={}, usage=None, read_back=(), untested=(), environment={}, evidence=(),
        figures={},
    )  # fmt: skip
    text = "".join(Outline(to_html(empty)).text)
    assert "did not finish" in text
    assert "interrupted in `deploy`" in text
