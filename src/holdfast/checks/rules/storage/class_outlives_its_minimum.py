"""STO003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import lifecycle
from holdfast.checks.values import Undecided

_CHARGED = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 90, "GLACIER": 90, "DEEP_ARCHIVE": 180}


class ClassOutlivesItsMinimum(ResourceRule):
    """Objects stay in a storage class at least as long as it charges for."""

    id = "STO003"
    severity = Severity.WARNING
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Drop the transition, or expire later."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare each transition with the next one or the expiry, over all rules for the whole bucket."""
        rules = [rule for rule in lifecycle(resource) if rule.whole_bucket]
        ends = [rule.expires for rule in rules if rule.expires is not None]
        steps = [t for rule in rules for t in rule.transitions if t.days is not None]
        for step in steps:
            charged = _CHARGED.get(step.storage_class)
            later = [e for e in (*(t.days for t in steps), *ends) if e is not None]
            if charged is None or not ends:
                continue
            unknown = next((value for value in (step.days, *ends) if isinstance(value, Undecided)), None)
            if unknown is not None:
                yield self.undecided(resource, step.path, unknown)
                continue
            after = [
                d
                for d in later
                if not isinstance(d, Undecided)
                and not isinstance(step.days, Undecided)
                and step.days is not None
                and d > step.days
            ]
            leaves = min(after, default=None)
            if leaves is not None and isinstance(step.days, int | float) and leaves - step.days < charged:
                message = (
                    f"objects are in {step.storage_class} for {leaves - step.days:g} days and {charged} are charged"
                )
                yield self.violated(resource, step.path, message)
