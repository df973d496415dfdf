from __future__ import annotations

from typing import Any

import pytest

from holdfast.errors import InvalidRequest
from holdfast.platforms.promises import Promise, promises_of, refuse_what_cannot_be_kept
from holdfast.platforms.web_application.claims import contradictions
from tests.platforms.databases import settings_of
from tests.platforms.web_application.stacks import NAME, templates


def promised(name: str, *, built: bool = False, **changes: Any) -> Promise:
    found = [one.raw for one in templates(**changes).values()] if built else []
    return next(one for one in promises_of(settings_of(NAME, **changes), found) if one.name == name)


@pytest.mark.parametrize("built", [False, True])
def test_every_promise_of_the_defaults_is_kept_or_unproven(built: bool) -> None:
    kept = {name: promised(name, built=built).met for name in ("rpo", "rto", "failover", "retention", "availability")}
    assert kept == {"rpo": True, "rto": None, "failover": True, "retention": True, "availability": True}


def test_availability_is_the_product_of_all_that_serves() -> None:
    found = promised("availability")
    assert found.value.startswith("99.86")
    assert "S3 Standard 99.9%" in found.sum


def test_copy_elsewhere_bounds_what_the_loss_of_the_region_costs() -> None:
    assert "nothing is copied elsewhere" in promised("rpo").sum
    vault = "arn:aws:backup:us-west-2:123456789012:backup-vault:copies"
    assert "up to 24h old" in promised("rpo", backup={"copy_to": vault}).sum


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"promises": {"availability": "99.99%"}}, r"promises.availability is 99.99% but .* 99.86"),
        ({"storage": {"infrequent_access_after": "60d"}}, r"S3 Standard-IA 99%"),
        ({"promises": {"retention": "14d"}}, r"the least of 7 days of automated .* and 7 days"),
        ({"promises": {"retention": "14d"}, "database": {"backup_days": 14}}, r"the least of 14 days .* and 7 days"),
        ({"promises": {"rpo": "1m"}}, r"promises.rpo is 1m but these settings give 5m"),
        ({"promises": {"failover": "30s"}}, r"promises.failover is 30s"),
    ],
)
def test_promise_that_cannot_be_kept_is_refused_with_its_sum(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidRequest, match=line):
        refuse_what_cannot_be_kept(settings_of(NAME, **changes))


def test_templates_bear_out_what_the_pages_say() -> None:
    settings = settings_of(NAME)
    found = [one.raw for one in templates().values()]
    assert contradictions(settings, found) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("component", "kind", "missing"),
    [
        ("network", "AWS::EC2::VPCEndpoint", "endpoints: none for ecr.api"),
        ("compute", "AWS::ApplicationAutoScaling::ScalableTarget", "tasks: fewer than 2"),
        ("backup", "AWS::Backup::BackupSelection", "backup: cluster or table"),
        ("storage", "AWS::DynamoDB::Table", "sessions: no point-in-time recovery"),
        ("database", "AWS::RDS::DBInstance", "topology: the settings say 1 readers"),
    ],
)
def test_what_is_not_built_is_told(component: str, kind: str, missing: str) -> None:
    raw = {name: one.raw for name, one in templates().items()}
    kept = {id_: one for id_, one in raw[component]["Resources"].items() if one["Type"] != kind}
    raw[component] = {**raw[component], "Resources": kept}
    found = contradictions(settings_of(NAME), list(raw.values()))  # type: ignore[arg-type]
    assert len(found) == 1
    assert found[0].startswith(missing)
