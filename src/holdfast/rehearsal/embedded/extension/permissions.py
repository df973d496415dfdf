"""What a request is checked as at the strict level, where MiniStack's reading is not IAM's.

- A batch of SQS messages is authorized as its single action: there is no sqs:SendMessageBatch in a policy.
  https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
- `dynamodb:LeadingKeys` holds the partition keys of the items a request names; each item of a transaction is checked
  with its own. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
- A PartiQL statement is authorized as its kind on its table, whatever request carries it.
  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
- `s3:if-none-match` is there when the request has that header, `s3:ObjectCreationOperation` with every put.
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
- A request about a listener rule, tags of a load balancer's part, a cluster's parameters or a backup vault is about it.
  https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import dynamodb

LEADING_KEYS = "dynamodb:LeadingKeys"
BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


STATEMENTS = {"dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"}
STATEMENT = re.compile(
    r'\s*(SELECT\b.*?\bFROM|INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?([\w.-]+)', re.IGNORECASE | re.DOTALL
)


class ItemAction(str):
    """The action of one item of a transaction, with the item's partition key."""

    leading_key: str | None = None


def install() -> None:
    """Put the readings in place; the app looks these functions up at every request."""
    extract, checks = iam_actions.extract_iam_action, iam_actions.dynamodb_transaction_checks
    keys_of_dynamodb, keys_of_s3 = iam_actions.dynamodb_service_context, iam_actions.s3_service_context
    enforce, resource_of = iam_evaluator.enforce, iam_actions.extract_resource_arn

    def extract_iam_action(*request: Any, **options: Any) -> str | None:
        action: str | None = extract(*request, **options)
        return BATCHES.get(action, action) if action else action

    def extract_resource_arn(service: str, *request: Any, **options: Any) -> str:
        return _named_in(service, *request) or str(resource_of(service, *request, **options))

    def dynamodb_transaction_checks(action: str, body: bytes, region: str, account: str) -> list[tuple[str, str]]:
        if action in STATEMENTS:
            return _statement_checks(body, region, account)
        found: list[tuple[str, str]] = checks(action, body, region, account)
        keys = list(_transaction_keys(body)) if found else []
        if len(keys) != len(found):
            return found  # not as our own clients write them: checked without keys
        named: list[tuple[str, str]] = []
        for (single, arn), key in zip(found, keys, strict=True):
            one = ItemAction(single)
            one.leading_key = key
            named.append((one, arn))
        return named

    def dynamodb_service_context(body: bytes) -> dict[str, Any]:
        keys = [key for key in _single_keys(body) if key is not None]
        return {**keys_of_dynamodb(body), **({LEADING_KEYS: keys} if keys else {})}

    def s3_service_context(action: str, query: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        return {**keys_of_s3(action, query, path, headers), **_write_keys(action, query or {}, headers or {})}

    def enforce_item(access_key: str, action: str, *rest: Any, **options: Any) -> Any:
        key = getattr(action, "leading_key", None)
        if key is not None:
            options["service_context"] = {**(options.get("service_context") or {}), LEADING_KEYS: [key]}
        return enforce(access_key, str(action), *rest, **options)

    iam_actions.extract_iam_action = extract_iam_action
    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.dynamodb_transaction_checks = dynamodb_transaction_checks
    iam_actions.dynamodb_service_context = dynamodb_service_context
    iam_actions.s3_service_context = s3_service_context
    iam_evaluator.enforce = enforce_item


def _named_in(
    service: str, _method: str, path: str, _headers: Any, _body: bytes, query: Any, region: str, account: str
) -> str | None:
    """Return the ARN of a resource that MiniStack does not find in a request; None: it may."""
    parts = path.strip("/").split("/")
    if service == "backup" and parts[0] == "backup-vaults" and len(parts) > 1:
        return f"arn:aws:backup:{region}:{account}:backup-vault:{parts[1]}"
    if service == "elasticloadbalancing":
        names = ("RuleArn", "ResourceArns.member.1")
        return next((arn for name in names if (arn := iam_actions._query_param(query, name))), None)
    if service == "rds" and (group := iam_actions._query_param(query, "DBClusterParameterGroupName")):
        return f"arn:aws:rds:{region}:{account}:cluster-pg:{group}"
    return None


def _write_keys(action: str, query: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the keys of a conditional write; a part of an upload, and its beginning, create no object."""
    if action != "s3:PutObject":
        return {}
    creates = not {"uploads", "partNumber"} & set(query)
    given = headers.get("if-none-match")
    return {"s3:ObjectCreationOperation": str(creates).lower(), **({"s3:if-none-match": given} if given else {})}


def _statement_checks(body: bytes, region: str, account: str) -> list[tuple[str, str]]:
    """Return the right that each statement of a request needs, once; one that is no statement needs what none has."""
    request = json.loads(body or b"{}")
    found: dict[tuple[str, str], None] = {}
    for one in request.get("Statements") or [request]:
        parsed = STATEMENT.match(one.get("Statement", ""))
        kind, table = (parsed[1].split()[0].title(), parsed[2]) if parsed else ("Unknown", "*")
        found[f"dynamodb:PartiQL{kind}", f"arn:aws:dynamodb:{region}:{account}:table/{table}"] = None
    return list(found)


def _transaction_keys(body: bytes) -> Iterator[str | None]:
    for item in json.loads(body).get("TransactItems", []):
        for detail in item.values():
            yield _leading_key(detail.get("TableName", ""), detail.get("Key") or detail.get("Item") or {})


def _single_keys(body: bytes) -> Iterator[str | None]:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return
    if isinstance(request, dict) and isinstance(request.get("TableName"), str):
        yield _leading_key(request["TableName"], request.get("Key") or request.get("Item") or {})


def _leading_key(table: str, attributes: Mapping[str, Any]) -> str | None:
    """Return the partition key's value, as a condition compares it."""
    known = dynamodb._tables.get(table)
    value = attributes.get(known["pk_name"], {}) if known else {}
    return next((str(one) for one in value.values()), None)
