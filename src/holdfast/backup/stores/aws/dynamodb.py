"""What the index and the ledger need of DynamoDB: consistent reads in batches, and transactions that try again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from holdfast.backup.parallel import each
from holdfast.backup.stores.aws.errors import aws_errors, cancellations, code_of
from holdfast.backup.stores.aws.patience import Patience
from holdfast.errors import HoldfastError, StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]
Action = dict[str, Any]
T = TypeVar("T")

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MOST_KEYS = 100
MOST_ACTIONS = 100
MOST_STATEMENTS = 25
AT_ONCE = 8
"""Requests of one call under way at once."""

_REFUSED = "ConditionalCheckFailedException"
_CANCELLED = "TransactionCanceledException"
_FAILED_CONDITION = "ConditionalCheckFailed"
_NO_REASON = "None"
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html
_REFUSED_STATEMENT = {"DuplicateItem", "ConditionalCheckFailed"}
_PASSING_STATEMENT = {*_PASSING, "InternalServerError"}


class Cancelled(Exception):
    """A transaction changed nothing: conditions failed. `failed` maps the number of an action to the item it met."""

    def __init__(self, failed: dict[int, Item]) -> None:
        super().__init__(f"conditions of actions {sorted(failed)} failed")
        self.failed = failed


def text(value: str) -> dict[str, str]:
    """Return the attribute value of a string."""
    return {"S": value}


def number(value: float) -> dict[str, str]:
    """Return the attribute value of a number."""
    return {"N": str(value)}


def binary(value: bytes) -> dict[str, bytes]:
    """Return the attribute value of bytes."""
    return {"B": value}


def grouped(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield `values` in lists of `size`, the last one shorter."""
    rest = iter(values)
    while group := list(islice(rest, size)):
        yield group


class Table:
    """One table; every read is strongly consistent."""

    def __init__(self, client: DynamoDBClient, name: str, patience: Patience | None = None) -> None:
        self.name = name
        self._client: Any = client
        self._patience = patience or Patience()

    def get(self, key: Item) -> Item | None:
        """Return one item."""
        with aws_errors(f"DynamoDB GetItem in {self.name}"):
            found: Item | None = self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get("Item")
        return found

    def batch_get(self, keys: Iterable[Item]) -> Iterator[Item]:
        """Yield the items that exist among distinct `keys`, in any order; 100 a request, several requests at once."""
        groups = list(grouped(keys, MOST_KEYS))
        for items in each(self._get_group, groups, min(len(groups), AT_ONCE)):
            yield from items

    def _get_group(self, keys: list[Item]) -> list[Item]:
        rest: Any = {self.name: {"Keys": keys, "ConsistentRead": True}}
        found: list[Item] = []
        for attempt in range(self._patience.attempts):
            with aws_errors(f"DynamoDB BatchGetItem in {self.name}"):
                answer = self._client.batch_get_item(RequestItems=rest)
            found += answer["Responses"].get(self.name, [])
            rest = answer.get("UnprocessedKeys")
            if not rest:
                return found
            self._patience.pause(attempt)
        raise StoreUnavailable(f"DynamoDB table {self.name} left keys unread: it is throttled; try again later")

    def execute(self, statements: Sequence[Action]) -> list[bool]:
        """Carry out PartiQL statements, each by itself; say of each whether its condition, or a row, forbade it.

        25 a request, several requests at once. One that was carried out though its answer was lost counts as refused.
        """
        groups = list(grouped(statements, MOST_STATEMENTS))
        return [refused for found in each(self._execute_group, groups, min(len(groups), AT_ONCE)) for refused in found]

    def _execute_group(self, statements: list[Action]) -> list[bool]:
        refused = [False] * len(statements)
        left = list(range(len(statements)))
        for attempt in range(self._patience.attempts):
            with aws_errors(f"DynamoDB BatchExecuteStatement in {self.name}"):
                answer = self._client.batch_execute_statement(Statements=[statements[at] for at in left])
            codes = {at: _code(one) for at, one in zip(left, answer["Responses"], strict=True)}
            for at, code in codes.items():
                refused[at] = code in _REFUSED_STATEMENT
            if unknown := sorted(set(codes.values()) - _REFUSED_STATEMENT - _PASSING_STATEMENT - {""}):
                raise _statement_failed(self.name, unknown[0])
            left = [at for at, code in codes.items() if code in _PASSING_STATEMENT]
            if not left:
                return refused
            self._patience.pause(attempt)
        raise StoreUnavailable(f"DynamoDB table {self.name} left rows unwritten: it is throttled; try again later")

    def query(self, partition: tuple[str, str], sort_prefix: tuple[str, str] | None = None) -> Iterator[Item]:
        """Yield a partition's items in sort order, where given only those whose sort key starts with a prefix."""
        condition, names = "#p = :p", {"#p": partition[0]}
        values: dict[str, Any] = {":p": text(partition[1])}
        if sort_prefix:
            condition += " AND begins_with(#s, :s)"
            names["#s"] = sort_prefix[0]
            values[":s"] = text(sort_prefix[1])
        yield from self._pages(
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )

    def query_index(self, index: str, **request: Any) -> Iterator[Item]:
        """Yield items of a global index: eventually consistent, so good for people and estimates alone."""
        yield from self._pages(IndexName=index, **request)

    def count_index(self, index: str, **request: Any) -> int:
        """Count items of a global index, over all its pages; eventually consistent."""
        return sum(answer["Count"] for answer in self._answers(IndexName=index, Select="COUNT", **request))

    def _pages(self, **request: Any) -> Iterator[Item]:
        for answer in self._answers(**request):
            yield from answer["Items"]

    def _answers(self, **request: Any) -> Iterator[Any]:
        while True:
            with aws_errors(f"DynamoDB Query in {self.name}"):
                answer = self._client.query(TableName=self.name, **request)
            yield answer
            if not (last := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = last

    def update(self, key: Item, expression: str, condition: str, names: Item, values: Item) -> Item | None:
        """Update one item if `condition` holds and return it as it is then; None if the condition failed."""
        with aws_errors(f"DynamoDB UpdateItem in {self.name}"):
            try:
                answer = self._client.update_item(
                    TableName=self.name,
                    Key=key,
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if code_of(error) != _REFUSED:
                    raise
                return None
        found: Item = answer["Attributes"]
        return found


def _code(response: Mapping[str, Any]) -> str:
    """Return the error of one statement of a batch, empty if there was none."""
    return str(response["Error"].get("Code", "unknown")) if response.get("Error") else ""


def _statement_failed(table: str, code: str) -> HoldfastError:
    """Return what a statement's error means to the caller."""
    if code == "AccessDenied":
        return StoreDenied(f"DynamoDB BatchExecuteStatement in {table} failed: access denied; check the role's rights")
    return StoreUnavailable(f"DynamoDB BatchExecuteStatement in {table} failed: {code}; try again later")


def transact(client: DynamoDBClient, actions: Sequence[Action], patience: Patience) -> None:
    """Do all of `actions` or none; collisions with other transactions are waited for.

    Raises:
        Cancelled: a condition failed.
        StoreUnavailable: others kept colliding.
    """
    for attempt in range(patience.attempts):
        with aws_errors("DynamoDB TransactWriteItems"):
            try:
                client.transact_write_items(TransactItems=list(actions))  # type: ignore[arg-type]
                return
            except ClientError as error:
                if code_of(error) != _CANCELLED:
                    raise
                _judge(error)
        patience.pause(attempt)
    raise StoreUnavailable("DynamoDB TransactWriteItems kept colliding with others; try again later")


def _judge(error: ClientError) -> None:
    """Return if the transaction may pass later; raise Cancelled where conditions failed, else the error itself."""
    reasons = cancellations(error)
    codes = {reason.get("Code", _NO_REASON) for reason in reasons} - {_NO_REASON}
    if _FAILED_CONDITION in codes:
        failed = {
            at: reason.get("Item", {}) for at, reason in enumerate(reasons) if reason["Code"] == _FAILED_CONDITION
        }
        raise Cancelled(failed) from error
    if not codes or codes - _PASSING:
        raise error
