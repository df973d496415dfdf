"""FUN012."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import actions_in, inline_code, role_of_function
from holdfast.checks.graph.resource import Resource
from holdfast.checks.policies import role_may
from holdfast.checks.rule import ResourceRule


class CodeMayCall(ResourceRule):
    """The role of a function allows every AWS call that its inline code makes."""

    id = "FUN012"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Add the action to a policy of the function's role, on the resource it is called for."
    source = (
        "https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_acti"
        "ons-resources-contextkeys.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Read calls on boto3 clients that the code names; compare with the role's policies."""
        code = inline_code(resource)
        role = role_of_function(resource)
        if code is None or role is None:
            return
        for action, call in sorted(actions_in(code).items()):
            message = f"the code calls {call} and {role.logical_id} does not allow {action}: the call is denied"
            yield from self.judged(resource, "Role", role_may(role, action), message)
