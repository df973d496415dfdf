"""IAM007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class RoleTrustsSomebody(ResourceRule):
    """Not everybody may assume a role."""

    id = "IAM007"
    resource_types = ("AWS::IAM::Role",)
    remediation = "Name the accounts, services or federated providers that may assume it."
    source = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the trust policy."""
        for statement in statements(resource.get("AssumeRolePolicyDocument"), "AssumeRolePolicyDocument"):
            if not statement.allows:
                continue
            if isinstance(statement.principals, Undecided):
                yield self.undecided(resource, statement.path, statement.principals)
            elif statement.open_to_all and not statement.condition_keys():
                yield self.violated(resource, statement.path, "every account in the world may assume this role")
