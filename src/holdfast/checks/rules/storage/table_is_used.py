"""STO012."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, references

# What refers to a table without reading or writing its items.
_BYSTANDERS = ("AWS::IAM::", "AWS::CloudWatch::", "AWS::Backup::", "AWS::ApplicationAutoScaling::", "AWS::KMS::")
_COMPUTE = ("AWS::Lambda::Function", "AWS::ECS::TaskDefinition", "AWS::EC2::Instance", "AWS::Serverless::Function")
_ITEMS = ("GetItem", "PutItem", "UpdateItem", "Query", "Scan", "BatchWriteItem", "BatchGetItem")


class TableIsUsed(ResourceRule):
    """A table is read or written by something, where the templates hold what could."""

    id = "STO012"
    severity = Severity.WARNING
    resource_types = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
    remediation = "Give the role that uses it the rights on it, tell others its name by an output, or remove it."
    source = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for roles with a right to its items, for other resources that refer to it, and for outputs."""
        system = resource.system
        outputs = [value for template in system.templates for value in template.outputs.values()]
        if not system.resources(*_COMPUTE):
            return
        if any(r.logical_id == resource.logical_id for value in outputs for r in references(value)):
            return
        if any(not other.type.startswith((*_BYSTANDERS, *_COMPUTE)) for other, _, _ in resource.referrers):
            return
        roles = system.resources("AWS::IAM::Role", "AWS::IAM::User")
        verdicts = [role_may(role, f"dynamodb:{action}", resource) for role in roles for action in _ITEMS]
        if True not in verdicts:
            unknown = next((verdict for verdict in verdicts if isinstance(verdict, Undecided)), False)
            yield from self.judged(resource, "", unknown, "no role may read or write its items: nothing uses it")
