"""PRO001."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.promise import RETRIEVAL, Term, spelled
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import lifecycle, log_sources
from holdfast.checks.values import Undecided, as_list
from holdfast.settings.quantities import read_duration

_TIERS = {"ARCHIVE_ACCESS": RETRIEVAL["GLACIER"], "DEEP_ARCHIVE_ACCESS": RETRIEVAL["DEEP_ARCHIVE"]}


class RetrievalWithinRto(ResourceRule):
    """Data of backups can be read back within the promised recovery time.

    A class that takes longer to read than RTO breaks the promise for every object that is in it while it must still
    be restorable.
    """

    id = "PRO001"
    demand = ("rto",)
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Take the transition out, or let it begin after the promised retention; GLACIER_IR reads at once."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the slowest class of each bucket with RTO; buckets of logs are not restored from."""
        rto, kept = resource.system.demands.rto, resource.system.demands.retention
        if rto is None or any(log_sources(resource)) or "log" in resource.logical_id.lower():
            return
        for rule in lifecycle(resource):
            for step in (*rule.transitions, *rule.noncurrent):
                slow = RETRIEVAL.get(step.storage_class)
                if slow is None or slow <= rto:
                    continue
                if isinstance(step.days, Undecided):
                    yield self.undecided(resource, step.path, step.days)
                elif kept is None or step.days is None or step.days < kept.days:
                    message = (
                        f"from day {step.days or 0:g} on objects are in {step.storage_class}: "
                        f"{spelled([Term(slow, 'retrieval')])} is more than the RTO of {read_duration(rto)}"
                    )
                    yield self.violated(resource, step.path, message)
        yield from self._tiers(resource, rto)

    def _tiers(self, bucket: Resource, rto: timedelta) -> Iterator[Finding]:
        for index, config in enumerate(as_list(bucket.get("IntelligentTieringConfigurations"))):
            tiers = as_list(config.get("Tierings")) if isinstance(config, dict) else []
            for tier in tiers:
                name = tier.get("AccessTier") if isinstance(tier, dict) else None
                slow = _TIERS.get(str(name))
                if slow is not None and slow > rto:
                    message = (
                        f"objects in {name} take {read_duration(slow)} to read, more than the RTO of "
                        f"{read_duration(rto)}"
                    )
                    yield self.violated(bucket, f"IntelligentTieringConfigurations.{index}", message)
