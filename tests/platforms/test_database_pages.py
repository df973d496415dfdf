"""The pages of the database platforms say what the templates build."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.databases import stack_of

PAGES = Path(__file__).parents[2] / "docs" / "platforms"
PREFIXES = {"serverless-database": "aurora-", "payment-database": "payment-db-"}
FULL: dict[str, dict[str, Any]] = {
    "serverless-database": {},
    "payment-database": {"copies": {"schedule": "cron(0 6 * * ? *)"}, "database": {"proxy": True}},
}


def page(platform: str) -> str:
    return (PAGES / f"{platform}.md").read_text()


@pytest.mark.parametrize("platform", FULL)
def test_every_alarm_has_a_row_and_every_row_an_alarm(platform: str) -> None:
    alarms = stack_of(platform, **FULL[platform]).of("AWS::CloudWatch::Alarm")
    names = {one["AlarmName"].removeprefix(PREFIXES[platform]).removesuffix("-dev") for one in alarms}
    told = re.search(r"## What rings\n(.*?)\n\n", page(platform), re.DOTALL)
    assert told
    rows = re.findall(r"^\| ([a-z-]+) \|", told[1], re.MULTILINE)
    assert {name.removesuffix("-alarm") for name in names} == set(rows) - {"alarm"}


@pytest.mark.parametrize("platform", FULL)
def test_runbook_names_the_cluster_of_production(platform: str) -> None:
    production = stack_of(platform, environment="prod", alerts=["ops@example.com"])
    identifier = production.one("AWS::RDS::DBCluster")["DBClusterIdentifier"]
    text = page(platform)
    assert f"--source-db-cluster-identifier {identifier} " in text
    assert f"holdfast drill failover --cluster {identifier}`" in text


@pytest.mark.parametrize("platform", FULL)
def test_outputs_the_page_tells_of_exist(platform: str) -> None:
    outputs = set(stack_of(platform, **FULL[platform]).outputs)
    told = set(re.findall(r"`([A-Z][A-Za-z]+(?:Endpoint|Arn|Id|Name))`", page(platform)))
    assert told
    assert told <= outputs


@pytest.mark.parametrize("platform", FULL)
def test_costs_add_up(platform: str) -> None:
    lines = [line for line in page(platform).splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(n for n, row in enumerate(rows) if row[-1] == "USD a month")
    stop = next(n for n, row in enumerate(rows) if row[0] == "**fixed**")
    amounts = [float(row[2]) for row in rows[start + 1 : stop]]
    assert f"{sum(amounts):.2f}" == rows[stop][2].strip("*")


@pytest.mark.parametrize("platform", FULL)
def test_each_cost_is_its_sum(platform: str) -> None:
    sums = re.findall(r"^\| .+? \| ([0-9][^|]*[x+][^|]*) \| \+? ?([0-9.]+)", page(platform), re.MULTILINE)
    assert len(sums) > 3
    for terms, amount in sums:
        total = sum(_product(term) for term in terms.split(" + "))
        assert f"{total:.2f}" == amount, terms


def _product(term: str) -> float:
    result = 1.0
    for factor in term.split(" x "):
        result *= float(factor.split()[0])
    return result
