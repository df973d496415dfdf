"""STO002."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import Transition, lifecycle
from holdfast.checks.values import Undecided

_STAY = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "INTELLIGENT_TIERING": 0, "GLACIER_IR": 90, "GLACIER": 90}
_ORDER = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")


class TransitionsInOrder(ResourceRule):
    """The transitions of a lifecycle rule are far enough apart for S3 to accept them.

    STANDARD_IA and ONEZONE_IA need 30 days before a next class, GLACIER and GLACIER_IR 90 before DEEP_ARCHIVE.
    """

    id = "STO002"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Move the later transition further out, or leave the earlier one out."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare each transition with the next colder one of the same rule."""
        for rule in lifecycle(resource):
            for kind in (rule.transitions, rule.noncurrent):
                known = [t for t in kind if t.storage_class in _ORDER and t.days is not None]
                steps = sorted(known, key=lambda t: _ORDER.index(t.storage_class))
                for warm, cold in pairwise(steps):
                    yield from self._compare(resource, warm, cold)

    def _compare(self, bucket: Resource, warm: Transition, cold: Transition) -> Iterator[Finding]:
        if isinstance(warm.days, Undecided) or isinstance(cold.days, Undecided):
            yield self.undecided(bucket, cold.path, warm.days if isinstance(warm.days, Undecided) else cold.days)
            return
        stay = _STAY[warm.storage_class]
        if warm.days is not None and cold.days is not None and cold.days < warm.days + stay:
            message = (
                f"{cold.storage_class} at {cold.days:g} days is not {stay} days after {warm.storage_class} "
                f"at {warm.days:g}: S3 refuses the whole configuration"
            )
            yield self.violated(bucket, cold.path, message)
