"""NAM006."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import as_text


class ExportsDoNotCollide(SystemRule):
    """The name of an export holds the stack or the environment, so that a second stack can be deployed."""

    id = "NAM006"
    severity = Severity.WARNING
    remediation = "Begin the export's name with ${AWS::StackName}."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look at each export's name as written; a CDK stack fixes its name, so its own name counts."""
        for template in system.templates:
            for output, (name, _) in template.exports.items():
                raw = template.source.section("Outputs")[output]["Export"]["Name"]
                text = as_text(name) or ""
                environment = system.demands.environment
                if (isinstance(raw, dict) and "${?" not in text) or (template.stack and template.stack in text):
                    continue
                if environment and environment in text:
                    continue
                if "${?" in text and isinstance(raw, dict) and set(raw) == {"Ref"}:
                    yield self.undecided_template(template, f"Outputs.{output}", "the export's name is a parameter")
                elif isinstance(raw, str):
                    message = (
                        f"the export {text} is the same for every stack: a second one cannot be created in the region"
                    )
                    yield self.violated_template(template, f"Outputs.{output}", message)
