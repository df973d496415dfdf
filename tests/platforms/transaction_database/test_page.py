"""The page says what the file builds, and its costs add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.platforms.reading import Template

PAGES = Path(__file__).parents[3] / "docs" / "platforms"
PAGE = (PAGES / "transaction-database.md").read_text()


def test_every_alarm_has_a_row_and_every_row_an_alarm(template: Template) -> None:
    stem, end = "aurora-mysql-", "-${EnvironmentSuffix}"
    alarms = [one["AlarmName"].removeprefix(stem).removesuffix(end) for one in template.of("AWS::CloudWatch::Alarm")]
    told = re.search(r"## What rings\n(.*?)\n\n", PAGE, re.DOTALL)
    assert told
    rows = []
    for cell in re.findall(r"^\| ([a-z0-9, -]+) \|", told[1], re.MULTILINE)[1:]:
        first, *more = cell.split(", ")
        rows += [first, *(first.rpartition("-")[0] + one for one in more)]
    assert sorted(rows) == sorted(alarms)
    assert f"{len(alarms)} alarms, RDS events" in PAGE


def test_outputs_the_page_tells_of_exist(template: Template) -> None:
    told = set(re.findall(r"`([A-Z][A-Za-z]+(?:Endpoint|Port|Arn))`", PAGE)) - {"AlarmEmailEndpoint"}
    assert told
    assert told <= set(template.outputs)


def test_commands_name_what_production_is_called(template: Template) -> None:
    cluster = template.one("AWS::RDS::DBCluster")["DBClusterIdentifier"].replace("${EnvironmentSuffix}", "prod")
    assert f"--source-db-cluster-identifier {cluster} " in PAGE
    assert f"holdfast drill failover --cluster {cluster}`" in PAGE


@pytest.mark.parametrize("platform", ["transaction-database", "backup-archive"])
def test_each_cost_is_its_product_and_all_add_up(platform: str) -> None:
    text = (PAGES / f"{platform}.md").read_text()
    rows = re.findall(r"^\| .+? \| ([0-9][^|]*|as the repository) \| ([0-9.]+) \|$", text, re.MULTILINE)
    total = re.search(r"^\| \*\*sum\*\* \| \| \*\*([0-9.]+)\*\* \|$", text, re.MULTILINE)
    assert total
    for terms, amount in rows:
        if terms[0].isdigit():
            assert f"{sum(_product(term) for term in terms.split(' + ')):.2f}" == amount, terms
    assert f"{sum(float(amount) for _, amount in rows):.2f}" == total[1]


def _product(term: str) -> float:
    result = 1.0
    for factor in term.split(" x "):
        number = re.match(r"[0-9.]+", factor)
        assert number, factor
        result *= float(number[0])
    return result
