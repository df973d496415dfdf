"""PRO009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import is_worn
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.rule import ResourceRule
from holdfast.checks.storage import bucket_statements, destinations, holds_backups
from holdfast.checks.values import Undecided
from holdfast.settings.quantities import read_duration


class SomebodyCanRestore(ResourceRule):
    """Something in the system may read backups back: a restore is more than a hope."""

    id = "PRO009"
    severity = Severity.WARNING
    demand = ("rto",)
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Add a function or role that may s3:GetObject on the bucket of backups and decrypt with its key."
    source = (
        "https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/rel_backing_up_data_"
        "periodic_recovery_testing_data.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a worn role that may read the bucket."""
        if not holds_backups(resource) or resource.system.demands.rto is None:
            return
        roles = [role for role in resource.system.resources("AWS::IAM::Role") if is_worn(role)]
        verdicts = [role_may(role, "s3:GetObject", resource) for role in roles]
        foreign = [s for _, s in bucket_statements(resource) if s.allows and s.covers("s3:GetObject") is not False]
        if (
            True in verdicts
            or foreign
            or resource in [c for b in resource.system.resources(resource.type) for c in destinations(b)]
        ):
            return
        unknown = next((verdict for verdict in verdicts if isinstance(verdict, Undecided)), False)
        message = (
            f"nothing may read it back: an RTO of {read_duration(resource.system.demands.rto)} has no restore behind it"
        )
        yield from self.judged(resource, "", unknown, message)
