"""IAM004."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement, statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class NotOpenToAll(ResourceRule):
    """No resource policy lets everybody in without a condition.

    A bucket policy that only reads is a website's and left alone when public access is not blocked on purpose.
    """

    id = "IAM004"
    resource_types = (
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::KMS::Key",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::Backup::BackupVault",
        "AWS::Lambda::Permission",
    )
    remediation = "Name principals, or add a condition on the account, organisation, source or VPC endpoint."
    source = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at Allow statements for everyone."""
        if resource.type == "AWS::Lambda::Permission":
            if resource.get("Principal") == "*" and all(resource.get(name) is None for name in _BINDINGS):
                yield self.violated(resource, "Principal", "everybody in the world may invoke the function")
            return
        for prop in ("PolicyDocument", "KeyPolicy", "ResourcePolicy", "AccessPolicy"):
            for statement in statements(resource.get(prop), prop):
                if not statement.allows or statement.inverted_principal:
                    continue
                if isinstance(statement.conditions, Undecided) and statement.open_to_all:
                    yield self.undecided(resource, f"{statement.path}.Condition", statement.conditions)
                elif isinstance(statement.principals, Undecided):
                    yield self.undecided(resource, f"{statement.path}.Principal", statement.principals)
                elif statement.open_to_all and not statement.condition_keys() and not _website(resource, statement):
                    actions = ", ".join(str(action) for action in statement.actions[:3])
                    yield self.violated(resource, statement.path, f"everybody in the world may {actions}")


_BINDINGS = ("PrincipalOrgID", "SourceArn", "SourceAccount", "FunctionUrlAuthType")


def _website(resource: Resource, statement: Statement) -> bool:
    return resource.type == "AWS::S3::BucketPolicy" and set(map(str, statement.actions)) <= {
        "s3:GetObject",
        "s3:GetObjectVersion",
    }
