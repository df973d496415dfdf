"""What a report looks like as text, JSON, SARIF and JUnit XML. Each is a pure function of the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.checks.engine import Report
from holdfast.checks.formats.json_text import render as render_json
from holdfast.checks.formats.junit import render as render_junit
from holdfast.checks.formats.sarif import render as render_sarif
from holdfast.checks.formats.text import render as render_text
from holdfast.checks.rule import Rule

FORMATS: dict[str, Callable[[Report, Sequence[Rule]], str]] = {
    "text": render_text,
    "json": render_json,
    "sarif": render_sarif,
    "junit": render_junit,
}
