"""What the rules know by heart agrees with what AWS ships in its own checkers, and names its source."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from holdfast.checks.lint import lint

RUNTIME_RULES = ("E2531", "E2533", "W2531")


def facts(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files("holdfast.checks").joinpath(f"data/{name}.json").read_text("utf-8"))
    return data


def template(folder: Path, kind: str, properties: list[dict[str, Any]]) -> Path:
    path = folder / "t.json"
    resources = {f"R{number}": {"Type": kind, "Properties": one} for number, one in enumerate(properties)}
    path.write_text(json.dumps({"Resources": resources}))
    return path


def test_dates_of_runtimes_are_those_of_the_schema_checker(tmp_path: Path) -> None:
    from cloudformation_validate import CompositeEngine, DetailLevel, Severity, ValidateConfig

    ours = facts("versions")["runtimes"]
    rest = {"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::123456789012:role/r", "Handler": "h.h"}
    path = template(tmp_path, "AWS::Lambda::Function", [{**rest, "Runtime": runtime} for runtime in ours])
    config = ValidateConfig(detail_level=DetailLevel.STANDARD, severity_level=Severity.WARN)
    told = [
        d.message
        for d in CompositeEngine().validate_template(str(path), config).diagnostics
        if d.rule_id in RUNTIME_RULES
    ]
    theirs = {name: dates for name, *dates in (re.findall(r"'([^']+)'", message)[:4] for message in told)}
    assert len(theirs) > 20
    assert theirs == {name: ours[name] for name in theirs}


def test_retired_versions_are_those_that_cfn_lint_refuses(tmp_path: Path) -> None:
    retired = facts("versions")["retired"]
    pairs = [(engine, version) for engine, versions in retired.items() for version in versions]
    current = [("aurora-mysql", "8.0.mysql_aurora.3.10.4"), ("aurora-postgresql", "15.10")]
    rest = {"MasterUsername": "a", "ManageMasterUserPassword": True}
    clusters = [{**rest, "Engine": engine, "EngineVersion": version} for engine, version in pairs + current]
    found = lint([template(tmp_path, "AWS::RDS::DBCluster", clusters)])
    refused = {int(finding.logical_id[1:]) for finding in found if finding.rule == "W3690"}
    assert refused == set(range(len(pairs)))


def test_every_namespace_and_table_of_dates_names_its_source() -> None:
    metrics, versions = facts("metrics"), facts("versions")
    assert set(metrics["sources"]) == set(metrics["namespaces"])
    assert set(versions["sources"]) == {"runtimes", *versions["support_ends"]}
    for source in (*metrics["sources"].values(), *versions["sources"].values()):
        assert source.startswith("https://docs.aws.amazon.com/")
