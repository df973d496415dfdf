"""JUnit XML: a suite for each template, a case for each rule that found something, one for all that passed."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from holdfast.checks.engine import Report
from holdfast.checks.finding import Finding, Outcome
from holdfast.checks.rule import Rule


def render(report: Report, _rules: Sequence[Rule]) -> str:
    """Return the report as JUnit XML; undecided and suppressed findings are skipped cases."""
    root = Xml.Element("testsuites", name="holdfast check", time=f"{report.seconds:.3f}")
    accepted = {id(s.finding): s.reason for s in report.suppressed}
    findings = [*report.findings, *(s.finding for s in report.suppressed)]
    for template in sorted({finding.template for finding in findings}):
        own = [finding for finding in findings if finding.template == template]
        failures = sum(f.outcome is Outcome.VIOLATED and id(f) not in accepted for f in own)
        counts = {"tests": str(len(own)), "failures": str(failures), "skipped": str(len(own) - failures)}
        suite = Xml.SubElement(root, "testsuite", {"name": template, **counts})
        for finding in own:
            _case(suite, finding, accepted.get(id(finding)))
    if not findings:
        suite = Xml.SubElement(root, "testsuite", name="all templates", tests="1", failures="0", skipped="0")
        Xml.SubElement(suite, "testcase", name=f"{report.rules} rules", classname="holdfast")
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _clean(Xml.tostring(root, encoding="unicode"))


def _case(suite: Xml.Element, finding: Finding, reason: str | None) -> None:
    subject = f"{finding.logical_id}.{finding.property}".strip(".") or finding.stack
    case = Xml.SubElement(suite, "testcase", name=f"{finding.rule} {subject}", classname=finding.rule)
    text = f"{finding.template}:{finding.line}: {finding.message}"
    if reason is not None:
        Xml.SubElement(case, "skipped", message=f"suppressed: {reason}")
    elif finding.outcome is Outcome.UNDECIDED:
        Xml.SubElement(case, "skipped", message=text)
    else:
        failure = Xml.SubElement(case, "failure", message=text, type=finding.severity.value)
        failure.text = f"{finding.remediation}\n{finding.source}"


def _clean(text: str) -> str:
    """Drop the control characters XML 1.0 cannot hold; a template's strings may carry any."""
    return "".join(c if c in "\t\n\r" or (c >= " " and c not in "￾￿") else "�" for c in text)
