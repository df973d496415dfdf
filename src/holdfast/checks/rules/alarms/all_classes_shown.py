"""ALM010."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import lifecycle
from holdfast.checks.values import as_text

_TYPES = {
    "STANDARD_IA": "StandardIAStorage",
    "ONEZONE_IA": "OneZoneIAStorage",
    "GLACIER_IR": "GlacierInstantRetrievalStorage",
    "GLACIER": "GlacierStorage",
    "DEEP_ARCHIVE": "DeepArchiveStorage",
    "INTELLIGENT_TIERING": "IntelligentTieringFAStorage",
}


class AllClassesShown(ResourceRule):
    """A graph of a bucket's size shows every class its objects move to."""

    id = "ALM010"
    severity = Severity.WARNING
    resource_types = ("AWS::CloudWatch::Dashboard",)
    remediation = "Add a BucketSizeBytes metric with the StorageType of each class in the lifecycle."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the storage types in the body, for buckets the dashboard refers to."""
        text = as_text(resource.get("DashboardBody")) or ""
        if "BucketSizeBytes" not in text:
            return
        for bucket in resource.system.resources("AWS::S3::Bucket"):
            if not _shown(resource, bucket, text):
                continue
            for rule in lifecycle(bucket):
                for step in rule.transitions:
                    wanted = _TYPES.get(step.storage_class)
                    if step.storage_class.startswith("${"):
                        yield self.undecided(resource, "DashboardBody", step.storage_class)
                    elif wanted and wanted not in text:
                        message = (
                            f"data that moves to {step.storage_class} leaves the graph of "
                            f"{bucket.logical_id}: no {wanted}"
                        )
                        yield self.violated(resource, "DashboardBody", message)


def _shown(board: Resource, bucket: Resource, text: str) -> bool:
    name = as_text(bucket.get("BucketName"))
    return any(other is board for other, _, _ in bucket.referrers) or bool(name and name in text)
