"""FUN010."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import inline_code
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided

_OLD_SDK = re.compile(r"""(?:require\(\s*|from\s+)['"]aws-sdk(?:/[^'"]*)?['"]""")
_WITH_OLD_SDK = (
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs",
)


class ImportsExist(ResourceRule):
    """Inline code imports only what its runtime has.

    From nodejs18.x on a runtime has version 3 of the AWS SDK (@aws-sdk/...) and no aws-sdk.
    """

    id = "FUN010"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Import clients from @aws-sdk/, or write the function in Python with boto3."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at inline JavaScript; layers may bring anything."""
        code, runtime = inline_code(resource), resource.get("Runtime")
        if code is None or not _OLD_SDK.search(code) or resource.get("Layers") is not None:
            return
        if is_undecided(runtime):
            yield self.undecided(resource, "Runtime", runtime)
        elif isinstance(runtime, str) and runtime.startswith("nodejs") and runtime not in _WITH_OLD_SDK:
            message = (
                f"the code requires aws-sdk, which {runtime} does not have: every call ends with Cannot find module"
            )
            yield self.violated(resource, "Code.ZipFile", message)
