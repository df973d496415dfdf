"""NAM009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import is_undecided


class OutputsAreThere(SystemRule):
    """Every output that is demanded is in one of the system's templates, and has a value.

    Names are compared without case, `_` and `-`: an output cannot be called `vpc_id`.
    """

    id = "NAM009"
    demand = ("outputs",)
    remediation = "Add the output (checks.outputs says which)."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/outputs-section-structure.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Look for each in all templates."""
        found = {_plain(name): (t, name, value) for t in system.templates for name, value in t.outputs.items()}
        for wanted in system.demands.outputs or ():
            if _plain(wanted) not in found:
                yield self.violated_template(system.templates[0], "Outputs", f"no template has an output {wanted}")
                continue
            template, name, value = found[_plain(wanted)]
            if value in (None, "", []):
                yield self.violated_template(template, f"Outputs.{name}.Value", f"the output {name} is empty")
            elif is_undecided(value):
                yield self.undecided_template(template, f"Outputs.{name}.Value", str(value))


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
