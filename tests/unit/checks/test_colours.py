"""Which resource is the blue one."""

from __future__ import annotations

from datetime import date

import pytest

from holdfast.checks.colours import blue_and_green
from holdfast.checks.demands import Demands
from holdfast.checks.document import parse
from holdfast.checks.graph.source import Source
from holdfast.checks.graph.system import systems

TABLE = "AWS::DynamoDB::Table"


def called(**names: str) -> list[str] | None:
    """The logical ids found among tables of these ids and names."""
    resources = "\n".join(
        f"  {id_}: {{Type: {TABLE}, Properties: {{TableName: !Sub '{name}'}}}}" for id_, name in names.items()
    )
    text = f"Parameters: {{GreenOnes: {{Type: String}}, Stage: {{Type: String}}}}\nResources:\n{resources}\n"
    (system,) = systems([Source(parse(text.encode(), "t.yaml"), stack="t")], Demands(), date(2026, 11, 21))
    pair = blue_and_green(system, TABLE, "TableName")
    return [one.logical_id for one in pair] if pair else None


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"GreenTable": "a", "BlueTable": "b"}, ["BlueTable", "GreenTable"]),
        ({"A": "orders-blue", "B": "orders-Green-${Stage}"}, ["A", "B"]),
        ({"A": "orders-blue", "B": "orders-${GreenOnes}"}, None),
        ({"A": "orders-blue", "B": "orders"}, None),
        ({"A": "orders"}, None),
    ],
)
def test_a_pair_is_found_by_id_or_name_and_not_by_a_placeholder(names: dict[str, str], found: list[str] | None) -> None:
    assert called(**names) == found
