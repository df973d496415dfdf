"""IAM002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, is_undecided

_DEPUTIES = ("s3.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com", "cloudwatch.amazonaws.com")


class DeputyBound(ResourceRule):
    """A service that acts for others is let in only on behalf of this account or resource.

    Otherwise a stranger's rule, bucket or topic can use the service to reach yours (the confused deputy).
    """

    id = "IAM002"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Permission", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    remediation = "Add SourceArn or SourceAccount (in a policy: aws:SourceArn or aws:SourceAccount)."
    source = "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at statements and permissions for services that anybody can configure."""
        if resource.type == "AWS::Lambda::Permission":
            yield from self._permission(resource)
            return
        for statement in statements(resource.get("PolicyDocument")):
            for service in _DEPUTIES:
                if not statement.allows or statement.open_to_all or statement.names_service(service) is not True:
                    continue
                if isinstance(statement.conditions, Undecided):
                    yield self.undecided(resource, f"{statement.path}.Condition", statement.conditions)
                elif not statement.binds_source:
                    message = f"{service} may come on anybody's behalf: nothing binds it to this account"
                    yield self.violated(resource, statement.path, message)

    def _permission(self, permission: Resource) -> Iterator[Finding]:
        principal, source = permission.get("Principal"), permission.get("SourceArn")
        account = permission.get("SourceAccount")
        if principal not in _DEPUTIES or (account is not None and not is_undecided(account)):
            return
        if is_undecided(source) or is_undecided(account):
            yield self.undecided(permission, "SourceArn", source if is_undecided(source) else account)
        elif source is None:
            message = f"{principal} may invoke the function on anybody's behalf: nothing binds it to this account"
            yield self.violated(permission, "SourceArn", message)
