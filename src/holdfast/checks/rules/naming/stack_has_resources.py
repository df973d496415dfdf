"""NAM002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule


class StackHasResources(SystemRule):
    """A template declares at least one resource."""

    id = "NAM002"
    remediation = "Put the resources into the stack that is deployed, or drop the empty one."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/resources-section-structure.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Count what is left besides CDK's own metadata; a macro may add resources later."""
        for template in system.templates:
            real = [r for r in template.source.resources.values() if r["Type"] != "AWS::CDK::Metadata"]
            if real:
                continue
            if template.source.data.get("Transform") or any(
                str(k).startswith("Fn::") for k in template.source.data["Resources"]
            ):
                yield self.undecided_template(template, "Resources", "a macro makes its resources")
            else:
                yield self.violated_template(
                    template, "Resources", "the stack is empty: CloudFormation refuses to deploy it"
                )
