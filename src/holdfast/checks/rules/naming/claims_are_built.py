"""NAM005."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from holdfast.checks.finding import Finding
from holdfast.checks.graph.system import System
from holdfast.checks.rule import SystemRule
from holdfast.checks.values import as_text

_CLAIMS = (
    (re.compile(r"(?i)cross-?region"), "copies in another region", "replication"),
    (re.compile(r"(?i)cloudtrail"), "audit logging by CloudTrail", "trail"),
    (
        re.compile(r"(?i)vpc[ -]?endpoints?|vpc (?:isolation|isolated)|vpc with private"),
        "isolation in a VPC",
        "network",
    ),
)


class ClaimsAreBuilt(SystemRule):
    """What tags and outputs claim is built: replication, audit logging, network isolation.

    A claim counts when it is a literal: a tag, or a JSON output such as a list of capabilities.
    """

    id = "NAM005"
    remediation = "Build it, or take the claim out."
    source = "https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/welcome.html"

    def check(self, system: System) -> Iterator[Finding]:
        """Compare literal claims with what the templates hold."""
        built = {"replication": _replicates(system), "trail": _has(system, "AWS::CloudTrail::Trail")}
        built["network"] = _has(system, "AWS::EC2::VPC", "AWS::EC2::VPCEndpoint")
        for template in system.templates:
            for name, value in template.outputs.items():
                text = as_text(value) or ""
                if not text.lstrip().startswith("{"):
                    continue
                for pattern, claim, what in _CLAIMS:
                    if not built[what] and pattern.search(text):
                        message = f"it claims {claim} and nothing of the kind is built"
                        yield self.violated_template(template, f"Outputs.{name}", message)
                if "${?" in text:
                    yield self.undecided_template(template, f"Outputs.{name}", "a part of the claim is a parameter")
        yield from self._tags(system, built)

    def _tags(self, system: System, built: dict[str, bool]) -> Iterator[Finding]:
        seen = set()
        for resource in system.resources("AWS::S3::Bucket", "AWS::RDS::DBCluster", "AWS::DynamoDB::Table"):
            tags = resource.tags
            for key, value in tags.items() if isinstance(tags, Mapping) else ():
                for pattern, claim, what in _CLAIMS:
                    if isinstance(value, str) and not built[what] and pattern.search(value) and (key, what) not in seen:
                        seen.add((key, what))
                        message = f"the tag {key}={value} claims {claim} and nothing of the kind is built"
                        yield self.violated(resource, "Tags", message)


def _has(system: System, *types: str) -> bool:
    return bool(system.resources(*types))


def _replicates(system: System) -> bool:
    buckets = system.resources("AWS::S3::Bucket")
    copies = any("CopyActions" in str(plan.properties) for plan in system.resources("AWS::Backup::BackupPlan"))
    globals_ = _has(system, "AWS::RDS::GlobalCluster", "AWS::DynamoDB::GlobalTable")
    return copies or globals_ or any(bucket.get("ReplicationConfiguration") is not None for bucket in buckets)
