"""VER003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import cluster_of
from holdfast.checks.facts import long_term
from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool, as_text


class LongTermStays(ResourceRule):
    """An instance on a long-term version is not upgraded off it by itself."""

    id = "VER003"
    severity = Severity.WARNING
    resource_types = ("AWS::RDS::DBInstance",)
    remediation = "Set AutoMinorVersionUpgrade to false on every instance of the cluster."
    source = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.VersionPolicy.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at members of clusters on a long-term version; upgrading is the default."""
        cluster = cluster_of(resource)
        if cluster is None:
            return
        engine, version = as_text(cluster.get("Engine")) or "", as_text(cluster.get("EngineVersion")) or ""
        if not long_term(engine, version):
            return
        upgrades = as_bool(resource.get("AutoMinorVersionUpgrade"), default=True)
        stays = upgrades if isinstance(upgrades, Undecided) else not upgrades
        message = f"it is upgraded off the long-term version {version} in a maintenance window"
        yield from self.judged(resource, "AutoMinorVersionUpgrade", stays, message)
