"""Decides which findings somebody accepted. A suppression needs a reason; an expired one no longer counts.

In a template: `Metadata: {holdfast: {suppress: [{rule: RDS002, reason: ..., until: 2027-01-31}]}}`, on a resource or
at the top. In settings: `checks.suppress`. Wrong suppressions are findings themselves (CHK001 to CHK003).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from holdfast.checks.demands import Demands
from holdfast.checks.finding import Finding, Outcome, Severity, Suppressed
from holdfast.checks.graph.source import Source

SOURCE = "docs/check.md#accepting-a-finding"
MISSING_REASON, EXPIRED, UNUSED = "CHK001", "CHK002", "CHK003"


@dataclass(frozen=True)
class Suppression:
    """One acceptance. `logical_id` None covers a whole template, `template` None every template."""

    rule: str
    reason: str
    until: date | None
    kind: str
    template: str | None
    logical_id: str | None
    stack: str = ""
    line: int = 1

    def covers(self, finding: Finding) -> bool:
        """Tell whether it is about this finding."""
        return (
            self.rule == finding.rule
            and self.template in (None, finding.template)
            and self.logical_id in (None, finding.logical_id)
        )


def collect(sources: Iterable[Source], demands: Demands) -> list[Suppression]:
    """Return every suppression of a system, wrong ones too."""
    found = [
        Suppression(accepted.rule, accepted.reason, accepted.until, "external", None, accepted.resource)
        for accepted in demands.suppress
    ]
    for source in sources:
        found += _written(source, source.section("Metadata"), None, ("Metadata",))
        for logical_id, body in source.resources.items():
            metadata = body.get("Metadata")
            if isinstance(metadata, dict):
                found += _written(source, metadata, logical_id, ("Resources", logical_id, "Metadata"))
    return found


def apply(
    findings: Iterable[Finding],
    suppressions: Sequence[Suppression],
    today: date,
    silent: Set[str] = frozenset(),
) -> tuple[list[Finding], list[Suppressed]]:
    """Split findings into those that stand and those accepted; add a finding for each wrong suppression.

    Args:
        silent: rules whose demand was not made; that a suppression of one suppresses nothing says nothing about it.
    """
    standing: list[Finding] = []
    accepted: list[Suppressed] = []
    used: set[int] = set()
    valid = [s for s in suppressions if s.reason and not _expired(s, today)]
    for finding in findings:
        match = next((s for s in valid if s.covers(finding)), None)
        if match is None:
            standing.append(finding)
        else:
            used.add(id(match))
            until = match.until.isoformat() if match.until else None
            accepted.append(Suppressed(finding=finding, reason=match.reason, until=until, kind=match.kind))
    standing += [f for s in suppressions for f in _wrong(s, today, unused=id(s) not in used and s.rule not in silent)]
    return standing, accepted


def _written(
    source: Source, metadata: dict[str, Any], logical_id: str | None, path: tuple[str, ...]
) -> Iterator[Suppression]:
    section = metadata.get("holdfast")
    entries = section.get("suppress") if isinstance(section, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            line = source.document.line((*path, "holdfast", "suppress", index))
            rule, reason = str(entry.get("rule", entry.get("id", ""))), entry.get("reason")
            text = reason.strip() if isinstance(reason, str) else ""
            until = _date(entry.get("until"))
            yield Suppression(rule, text, until, "inSource", source.name, logical_id, source.stack, line)


def _date(value: Any) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return date.min


def _expired(suppression: Suppression, today: date) -> bool:
    return suppression.until is not None and suppression.until < today


def _wrong(suppression: Suppression, today: date, *, unused: bool) -> Iterator[Finding]:
    name = suppression.rule or "no rule"
    if not suppression.reason:
        yield _finding(suppression, MISSING_REASON, f"the suppression of {name} gives no reason, so it does not count")
    elif _expired(suppression, today):
        ended = f"on {suppression.until}" if suppression.until != date.min else "at a date that cannot be read"
        yield _finding(suppression, EXPIRED, f"the suppression of {name} ended {ended}")
    elif unused and suppression.kind == "inSource":
        yield _finding(suppression, UNUSED, f"the suppression of {name} suppresses nothing", Severity.WARNING)


_REMEDIES = {
    MISSING_REASON: "Write a reason, or repair what the rule finds.",
    EXPIRED: "Repair what the rule finds, or decide again and write a later date (YYYY-MM-DD).",
    UNUSED: "Remove it.",
}


def _finding(suppression: Suppression, rule: str, message: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        outcome=Outcome.VIOLATED,
        template=suppression.template or "settings",
        stack=suppression.stack,
        logical_id=suppression.logical_id or "",
        property="Metadata.holdfast.suppress" if suppression.kind == "inSource" else "checks.suppress",
        line=suppression.line,
        message=message,
        remediation=_REMEDIES[rule],
        source=SOURCE,
    )
