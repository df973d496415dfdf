"""RDS007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.databases import attachment_of
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_bool


class RotationAfterAttachment(ResourceRule):
    """Rotation starts only after the secret is attached to its database.

    A schedule rotates at once; before the attachment there is no host in the secret and the deployment fails.
    """

    id = "RDS007"
    resource_types = ("AWS::SecretsManager::RotationSchedule",)
    remediation = "Refer to the attachment in SecretId, or add DependsOn."
    source = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secret"
        "smanager-rotationschedule.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at schedules on a bare secret that has an attachment."""
        value = resource.get("SecretId")
        secret = resource.system.find(value, "AWS::SecretsManager::Secret")
        if secret is None:
            if isinstance(value, Undecided):
                yield self.undecided(resource, "SecretId", value)
            return
        attachment = attachment_of(secret)
        late = as_bool(resource.get("RotateImmediatelyOnUpdate"), default=True) is False
        if attachment is not None and attachment not in resource.depends_on and not late:
            message = f"it may rotate before {attachment.logical_id} has written the host: a race"
            yield self.violated(resource, "SecretId", message)
