"""A finding whose fields do not matter."""

from __future__ import annotations

from holdfast.checks.finding import Finding, Outcome, Severity


def finding(
    *, severity: Severity = Severity.ERROR, outcome: Outcome = Outcome.VIOLATED, message: str = "it does not work"
) -> Finding:
    """Return a finding."""
    return Finding(
        rule="FUN001",
        severity=severity,
        outcome=outcome,
        template="stacks/my stack.yaml",
        stack="my stack",
        logical_id="Queue",
        property="RedrivePolicy",
        line=12,
        message=message,
        remediation="Do the other thing.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html",
        construct="App/Stack/Queue/Resource",
        when="IsProd=true",
    )
