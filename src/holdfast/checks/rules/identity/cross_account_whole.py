"""IAM005."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.identity import canonical
from holdfast.checks.keys import key_of, key_statements
from holdfast.checks.policies import Statement, statements
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_text


class CrossAccountWhole(ResourceRule):
    """An account that may use a bucket's key may also use the bucket, and the other way round.

    The account that administers the key is not another one: it owns both.
    """

    id = "IAM005"
    resource_types = ("AWS::S3::Bucket",)
    remediation = "Name the account in the bucket's policy and in the key's policy, for the replica too."
    source = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-walkthroughs-managing-access-example4.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare foreign accounts in the key's policy with those in the bucket's."""
        use = key_of(resource)
        if use.key is None:
            return
        policies = [
            p for p in resource.system.resources("AWS::S3::BucketPolicy") if p.system.find(p.get("Bucket")) is resource
        ]
        bucket = [s for policy in policies for s in statements(policy.get("PolicyDocument"))]
        of_key = key_statements(use.key)
        owner = _accounts([one for one in of_key if one.covers("kms:PutKeyPolicy") is True])
        by_key, by_bucket = _accounts(of_key) - owner, _accounts(bucket) - owner
        if any("${?" in account for account in by_key ^ by_bucket):
            yield self.undecided(use.key, "KeyPolicy", "an account is a parameter")
        for account in sorted(account for account in by_key - by_bucket if "${?" not in account):
            message = (
                f"account {account} may use the key and not {resource.logical_id}: cross-account access does not work"
            )
            yield self.violated(use.key, "KeyPolicy", message)
        for account in sorted(account for account in by_bucket - by_key if "${?" not in account):
            message = f"account {account} may read {resource.logical_id} and not use its key: every read is denied"
            yield self.violated(use.key, "KeyPolicy", message)


_ACCOUNT = re.compile(r"arn:aws:iam::([^:]+):(?:root|user/.*|role/.*)|(\d{12})")


def _accounts(found: list[Statement]) -> set[str]:
    accounts = set()
    for statement in found:
        if not statement.allows or statement.principals is None or isinstance(statement.principals, Undecided):
            continue
        for value in statement.principals.get("AWS", ()):
            match = _ACCOUNT.fullmatch(canonical(as_text(value) or ""))
            if match:
                accounts.add(match[1] or match[2])
    return accounts - {"${AWS::AccountId}"}
