"""FUN016."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding, Severity
from holdfast.checks.functions import inline_code
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import is_undecided

_DATA = (
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::Kinesis::Stream",
)
_WHOLE_ENVIRONMENT = re.compile(r"os\.environ\b(?!\s*(?:\[|\.get\b))|process\.env\b(?!\s*[.\[])")


class ResourcesRead(ResourceRule):
    """A table, queue, bucket or topic that a function is told of is used by its code.

    A deduplication table that no line reads looks like deduplication in every diagram.
    """

    id = "FUN016"
    severity = Severity.WARNING
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Use it in the code, or take the variable, the right and the resource out."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look for the variable's name in inline code; code that takes the whole environment may use all."""
        variables, code = resource.get("Environment.Variables"), inline_code(resource)
        if not isinstance(variables, dict) or (code and _WHOLE_ENVIRONMENT.search(code)):
            return
        for name, value in variables.items():
            target = resource.system.find(value, *_DATA)
            if target is None:
                continue
            if code is None and is_undecided(resource.get("Code.ZipFile")):
                yield self.undecided(resource, "Code.ZipFile", resource.get("Code.ZipFile"))
            elif code is not None and name not in code:
                message = f"{name} tells it of {target.logical_id}, and no line of its code reads the variable"
                yield self.violated(resource, f"Environment.Variables.{name}", message)
