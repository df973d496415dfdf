"""The state item: one row of DynamoDB, read consistently, written on the condition of its version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from holdfast.backup.stores.aws.errors import aws_errors, code_of
from holdfast.cutover.state import Record, read_state, state_text
from holdfast.errors import Conflict, LeaseLost

KEY = "id"
ROW = "cutover"
REFUSED = "ConditionalCheckFailedException"


class DynamoLedger:
    """The row `cutover` of a table whose key is `id`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def read(self) -> Record:
        """Return the newest record; an empty one where there is none yet."""
        with aws_errors(f"reading {self._table}"):
            found = self._client.get_item(TableName=self._table, Key={KEY: {"S": ROW}}, ConsistentRead=True)
        return _record(found["Item"]) if "Item" in found else Record()

    def acquire(self, owner: str, *, now: datetime, until: datetime) -> Record:
        """Take the lease."""
        held = self.read()
        if held.until is not None and held.until > now and held.owner != owner:
            raise Conflict(f"{held.owner} is moving until {held.until:%H:%M:%S} UTC; try again then")
        try:
            return self.save(replace(held, owner=owner, until=until))
        except LeaseLost as error:
            raise Conflict("another mover was faster; try again in two minutes") from error

    def save(self, record: Record) -> Record:
        """Write over the same version; a write whose answer was lost is known by what stands."""
        written = replace(record, version=record.version + 1)
        item = _item(written)
        condition = {
            "ConditionExpression": "attribute_not_exists(#key) OR #version = :version",
            "ExpressionAttributeNames": {"#key": KEY, "#version": "version"},
            "ExpressionAttributeValues": {":version": {"N": str(record.version)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with aws_errors(f"writing {self._table}"):
            try:
                self._client.put_item(TableName=self._table, Item=item, **condition)
            except ClientError as error:
                if code_of(error) != REFUSED:
                    raise
                if error.response.get("Item") != item:
                    raise LeaseLost("another mover has taken the lease; this run ends, the next goes on") from error
        return written


def _item(record: Record) -> dict[str, Any]:
    # Text, because DynamoDB writes numbers its own way, and what stands is compared with what was meant.
    until = {"until": {"S": record.until.isoformat()}} if record.until else {}
    return {
        KEY: {"S": ROW},
        "version": {"N": str(record.version)},
        "owner": {"S": record.owner},
        "state": {"S": state_text(record)},
        **until,
    }


def _record(item: Mapping[str, Any]) -> Record:
    cutover, ended = read_state(item["state"]["S"])
    until = datetime.fromisoformat(item["until"]["S"]) if "until" in item else None
    return Record(
        version=int(item["version"]["N"]), owner=item["owner"]["S"], until=until, cutover=cutover, ended=ended
    )
