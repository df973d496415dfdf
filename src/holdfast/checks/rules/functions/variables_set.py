"""FUN011."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import inline_code
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule

_DEMANDED = re.compile(r"""os\.environ\[\s*['"](\w+)['"]\s*\]|process\.env\.([A-Z]\w*)(?!\s*(?:\|\||\?\?))""")
_GIVEN = re.compile(r"AWS_\w+|_\w+|LAMBDA_\w+|TZ|PATH|LANG|PYTHONPATH|NODE_PATH|NODE_ENV|LD_LIBRARY_PATH|HOME")


class VariablesSet(ResourceRule):
    """Every environment variable that inline code demands is set."""

    id = "FUN011"
    resource_types = ("AWS::Lambda::Function",)
    remediation = "Add the variable to Environment.Variables."
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare what the code reads without a default with what the template sets."""
        code, variables = inline_code(resource), resource.get("Environment.Variables", {})
        if code is None or any(r.type.startswith("AWS::Greengrass") for r in resource.system.resources()):
            return  # Greengrass sets variables itself, in its function definition
        names = sorted({first or second for first, second in _DEMANDED.findall(code)})
        for name in names:
            if _GIVEN.fullmatch(name) or (isinstance(variables, dict) and name in variables):
                continue
            if isinstance(variables, dict):
                message = f"the code demands {name} and nothing sets it: every call fails"
                yield self.violated(resource, "Environment.Variables", message)
            else:
                yield self.undecided(resource, "Environment.Variables", variables)
