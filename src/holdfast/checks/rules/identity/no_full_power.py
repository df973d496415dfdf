"""IAM001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import Statement, statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list, is_undecided


class NoFullPower(ResourceRule):
    """No policy allows every action, or every action of a service, on every resource."""

    id = "IAM001"
    resource_types = (
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::User",
        "AWS::IAM::Group",
        "AWS::IAM::RolePolicy",
    )
    remediation = "Name the actions and the ARNs that are needed."
    source = "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at each statement of the resource's own documents."""
        for statement in _own_statements(resource):
            if not statement.allows or "*" not in statement.resources or statement.condition_keys():
                continue
            wide = [a for a in statement.actions if isinstance(a, str) and (a == "*" or a.endswith(":*"))]
            unknown = [a for a in statement.actions if is_undecided(a)]
            if wide:
                what = "the account" if "*" in wide else "all of the service"
                message = f"allows {', '.join(wide)} on every resource: whoever steals this identity owns {what}"
                yield self.violated(resource, statement.path, message)
            elif unknown:
                yield self.undecided(resource, statement.path, unknown[0])


def _own_statements(resource: Resource) -> Iterator[Statement]:
    yield from statements(resource.get("PolicyDocument"))
    for index, policy in enumerate(as_list(resource.get("Policies"))):
        if isinstance(policy, dict):
            yield from statements(policy.get("PolicyDocument"), f"Policies.{index}.PolicyDocument")
