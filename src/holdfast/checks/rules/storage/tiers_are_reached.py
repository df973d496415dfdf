"""STO004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import lifecycle
from holdfast.checks.values import Undecided, as_list, as_number


class TiersAreReached(ResourceRule):
    """Objects that archive tiers are configured for are in Intelligent-Tiering and live long enough."""

    id = "STO004"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add a transition to INTELLIGENT_TIERING and expire later than the tier, or drop the configuration."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/intelligent-tiering-overview.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a way into the class and an expiry that comes too early."""
        rules = lifecycle(resource)
        enters = any(t.storage_class == "INTELLIGENT_TIERING" for rule in rules for t in rule.transitions)
        ends = [rule.expires for rule in rules if isinstance(rule.expires, int | float) and rule.whole_bucket]
        for index, config in enumerate(as_list(resource.get("IntelligentTieringConfigurations"))):
            where = f"IntelligentTieringConfigurations.{index}"
            tierings = as_list(config.get("Tierings")) if isinstance(config, dict) else []
            for tier in tierings:
                days = as_number(tier.get("Days")) if isinstance(tier, dict) else None
                if isinstance(days, Undecided):
                    yield self.undecided(resource, where, days)
                elif days is not None and ends and min(ends) <= days:
                    message = f"its archive tier begins after {days:g} days and objects expire after {min(ends):g}"
                    yield self.violated(resource, where, message)
            if not enters and tierings and not any(isinstance(rule.data, Undecided) for rule in rules):
                message = (
                    "no lifecycle rule moves objects to INTELLIGENT_TIERING, so only those written there are tiered"
                )
                yield self.violated(resource, f"{where}.Tierings", message)
