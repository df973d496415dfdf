"""What a rule says about one place of a template."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad: an error loses data, service or money, or fails a deployment; a warning costs or hides something."""

    ERROR = "error"
    WARNING = "warning"


class Outcome(StrEnum):
    """`violated`: the template shows it. `undecided`: the template cannot show whether."""

    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding, ready to print. `property` is a path below the resource; `when` the scenario, if not every one."""

    rule: str
    severity: Severity
    outcome: Outcome
    template: str
    stack: str
    logical_id: str
    property: str
    line: int
    message: str
    remediation: str
    source: str
    construct: str | None = None
    made_at: str | None = None
    when: str = ""

    def place(self) -> tuple[str, str, str, str]:
        """What makes two findings the same finding, whatever the scenario and the line."""
        return (self.rule, self.template, self.logical_id, self.property)

    def to_json(self) -> dict[str, object]:
        """Return the fields of the JSON output, in the order of the contract."""
        found: dict[str, object] = {
            "rule": self.rule,
            "severity": self.severity.value,
            "outcome": self.outcome.value,
            "template": self.template,
            "stack": self.stack,
            "logical_id": self.logical_id,
            "property": self.property,
            "line": self.line,
            "message": self.message,
            "remediation": self.remediation,
            "source": self.source,
        }
        optional = {"construct": self.construct, "made_at": self.made_at, "when": self.when}
        return found | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """A finding that somebody accepted: where they wrote it, why, and until when."""

    finding: Finding
    reason: str
    until: str | None
    kind: str
    """`inSource` (template metadata) or `external` (settings): SARIF's words."""
