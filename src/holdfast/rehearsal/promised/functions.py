"""What a template promises of functions and what calls them."""

from __future__ import annotations

import json
from typing import Any

from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, by_arn, by_attribute, by_id, rows, tagged


def _statement(answer: Any, it: Deployed) -> Any:
    """Find a Lambda permission in its function's policy."""
    statements = json.loads(answer["Policy"])["Statement"]
    told = [
        {
            "Action": one["Action"],
            "Principal": one["Principal"].get("Service") if isinstance(one["Principal"], dict) else one["Principal"],
            "SourceArn": one.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
        }
        for one in statements
    ]
    return next((one for one in told if one["SourceArn"] == it.properties.get("SourceArn")), {})


FUNCTION = by_id("lambda", "get_function_configuration", "FunctionName")
MAPPING = by_id("lambda", "get_event_source_mapping", "UUID")
INVOKE_CONFIG = Call(
    service="lambda",
    operation="get_function_event_invoke_config",
    parameters=lambda it: {name: it.properties[name] for name in ("FunctionName", "Qualifier")},
)
PERMISSION = Call(
    service="lambda",
    operation="get_policy",
    parameters=lambda it: {"FunctionName": it.properties["FunctionName"]},
    select=_statement,
)

FUNCTIONS: dict[str, list[Row]] = {
    "AWS::Lambda::EventInvokeConfig": rows(
        INVOKE_CONFIG, "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"
    )
    + addressed(INVOKE_CONFIG, "FunctionName", "Qualifier"),
    "AWS::Lambda::EventSourceMapping": rows(
        MAPPING,
        "BatchSize",
        "EventSourceArn",
        "FunctionResponseTypes",
        "ScalingConfig",
        FunctionName=("FunctionArn", lambda arn: arn.rpartition(":")[2]),
    )
    + tagged(by_attribute("lambda", "list_tags", "Resource", "EventSourceMappingArn")),
    "AWS::Lambda::Function": [
        *rows(
            FUNCTION,
            "Architectures",
            "Description",
            "Environment",
            "FunctionName",
            "Handler",
            "LoggingConfig",
            "MemorySize",
            "Role",
            "Runtime",
            "Timeout",
            "VpcConfig",
        ),
        *rows(by_id("lambda", "get_function_concurrency", "FunctionName"), "ReservedConcurrentExecutions"),
        *tagged(by_arn("lambda", "list_tags", "Resource")),
    ],
    "AWS::Lambda::Permission": rows(PERMISSION, "Action", "Principal", "SourceArn")
    + addressed(PERMISSION, "FunctionName"),
}
