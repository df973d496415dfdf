"""ALM014."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import metrics
from holdfast.checks.databases import instances_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, Value, as_number
from holdfast.settings.instance_classes import local_storage_gib


class StorageAlarmCanBeQuiet(ResourceRule):
    """An alarm on local storage has a threshold below what the instance class has.

    FreeLocalStorage is space for temporary tables, not the volume; a threshold above the whole of it is in alarm from
    birth.
    """

    id = "ALM014"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = (
        "Set the threshold to a share of the class's local storage; watch AuroraVolumeBytesLeftTotal for the volume."
    )
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.Performance.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare with the smallest class of the cluster or instance watched."""
        threshold = as_number(resource.get("Threshold"))
        for metric in metrics(resource):
            if (
                not metric.is_("AWS/RDS", "FreeLocalStorage")
                or isinstance(metric.dimensions, Undecided)
                or threshold is None
            ):
                continue
            sizes = [size for value in metric.dimensions.values() for size in _sizes(resource, value)]
            if not sizes:
                continue
            if isinstance(threshold, Undecided):
                yield self.undecided(resource, "Threshold", threshold)
                continue
            least, name = min(sizes)
            if threshold >= least * 1024**3:
                message = (
                    f"it is in alarm below {threshold / 1024**3:.1f} GiB and {name} has {least:g} GiB in "
                    "all: it never clears"
                )
                yield self.violated(resource, "Threshold", message)


def _sizes(alarm: Resource, value: Value) -> Iterator[tuple[float, str]]:
    database = alarm.system.find(value, "AWS::RDS::DBCluster", "AWS::RDS::DBInstance")
    members = [] if database is None else [database]
    if database is not None and database.type == "AWS::RDS::DBCluster":
        members = instances_of(database)
    for instance in members:
        name = instance.get("DBInstanceClass")
        size = local_storage_gib(name) if isinstance(name, str) else None
        if size is not None:
            yield size, str(name)
