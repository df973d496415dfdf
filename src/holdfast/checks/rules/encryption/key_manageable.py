"""ENC009."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.keys import key_statements
from holdfast.checks.policies import Statement, knowable
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided


class KeyManageable(ResourceRule):
    """Somebody of the account can manage the key: its policy never locks everyone out."""

    id = "ENC009"
    resource_types = ("AWS::KMS::Key",)
    remediation = "Allow kms:* to the account's root, or kms:PutKeyPolicy to an administrator role of the account."
    source = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for a principal of the account that may change the policy."""
        document = resource.get("KeyPolicy")
        unknown = knowable(document)
        if unknown is not None:
            yield self.undecided(resource, "KeyPolicy", unknown)
            return
        if resource.get("BypassPolicyLockoutSafetyCheck") is None and not isinstance(document, dict):
            return
        verdicts = [s.covers("kms:PutKeyPolicy") for s in key_statements(resource) if s.allows and _names_account(s)]
        if True in verdicts:
            return
        message = "nobody may change this key's policy, so AWS refuses it or the key cannot be repaired"
        yield from self.judged(resource, "KeyPolicy", next(iter(verdicts), False), message)


def _names_account(statement: Statement) -> bool:
    if statement.principals is None or isinstance(statement.principals, Undecided):
        return False
    return bool(statement.principals.get("AWS") or statement.principals.get("*"))
