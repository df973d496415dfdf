"""One line a finding, `file:line` first, so that terminals and editors can jump there."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.checks.engine import Report
from holdfast.checks.finding import Finding, Outcome, Severity, Suppressed
from holdfast.checks.rule import Rule


def render(report: Report, _rules: Sequence[Rule]) -> str:
    """Return findings in file order, then what is accepted, then the counts."""
    lines = [line for finding in report.findings for line in _finding(finding)]
    lines += [_suppressed(accepted) for accepted in report.suppressed]
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    counts = f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}, {report.undecided} undecided"
    if report.suppressed:
        counts += f", {len(report.suppressed)} suppressed"
    seen = f"{_plural(report.resources, 'resource')} in {_plural(report.templates, 'template')}"
    lines.append(f"{counts}: {report.rules} rules over {seen} in {report.seconds:.2f} s")
    return "\n".join(lines)


def _finding(finding: Finding) -> list[str]:
    level = "undecided" if finding.outcome is Outcome.UNDECIDED else finding.severity.value
    when = f" [when {finding.when}]" if finding.when else ""
    lines = [f"{finding.template}:{finding.line}: {level} {finding.rule} {_subject(finding)}: {finding.message}{when}"]
    if finding.construct:
        made = f", made at {finding.made_at}" if finding.made_at else ""
        lines.append(f"    construct {finding.construct}{made}")
    return lines


def _subject(finding: Finding) -> str:
    return ".".join(part for part in (finding.logical_id, finding.property) if part) or finding.stack


def _suppressed(accepted: Suppressed) -> str:
    finding = accepted.finding
    until = f" until {accepted.until}" if accepted.until else ""
    return (
        f"{finding.template}:{finding.line}: suppressed{until} {finding.rule} {_subject(finding)}: "
        f"{finding.message} (reason: {accepted.reason})"
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
