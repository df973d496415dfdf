"""A function whose code travels in the template, so that its stack needs no asset."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from aws_cdk import CustomResource
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from holdfast.platforms.constructs.function import FunctionShape, PythonFunction

_SECONDS = 900


class InlineCustomResource(Construct):
    """A custom resource `Custom::{kind}` that `holdfast.platforms.inline.{module}` answers, with `statements` alone.

    `log_key` has to admit the log group of `name` (`function.log_group_name`). The function's role and log outlive
    the resource, which depends on them through it.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        kind: str,
        module: str,
        name: str,
        description: str,
        log_key: kms.IKey,
        statements: Sequence[iam.PolicyStatement],
        properties: dict[str, Any],
    ) -> None:
        super().__init__(scope, id_)
        source = files("holdfast.platforms.inline").joinpath(f"{module}.py").read_text(encoding="utf-8")
        function = PythonFunction(
            self,
            "Empty",
            shape=FunctionShape(
                code=lambda_.Code.from_inline(source), architecture=lambda_.Architecture.ARM_64, key=log_key
            ),
            name=name,
            handler="index.handler",
            description=description,
            timeout_seconds=_SECONDS,
            memory_mb=256,
            environment={},
            statements=statements,
        )
        self.role = function.role
        self.resource = CustomResource(
            self,
            "Emptied",
            resource_type=f"Custom::{kind}",
            service_token=function.function.function_arn,
            properties=properties,
        )
