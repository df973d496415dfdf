"""NAM007."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import Undecided, as_text

_REGION = re.compile(r"(?<![\w-])((?:us|eu|ap|sa|ca|me|af|il|mx)(?:-gov|-iso[a-z]?)?-[a-z]+-\d)(?![\w])")
_PLACES = ("AvailabilityZone", "ServiceName")


class OneRegion(SystemRule):
    """No ARN, endpoint or zone names another region than the one demanded.

    Replication and copies to a second region are looked at by their own rules; ARNs of the global services name none.
    """

    id = "NAM007"
    demand = ("region",)
    remediation = "Write ${AWS::Region}, or the region that checks.region demands."
    source = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Read zones and endpoint names, and ARNs in policies and variables."""
        wanted = system.demands.region or ""
        for resource in system.resources():
            own = resource.template.region
            if own is not None and own != wanted:
                continue
            for place in _PLACES:
                value = resource.get(place)
                text = as_text(value) or ""
                for other in sorted(set(_REGION.findall(text.rstrip("abcdef"))) - {wanted}):
                    yield self.violated(resource, place, f"{text} is in {other}, and {wanted} is demanded")
                if isinstance(value, Undecided) and place == "AvailabilityZone":
                    yield self.undecided(resource, place, value)
