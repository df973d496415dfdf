from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from holdfast.settings.load import load
from holdfast.settings.web_application import WebApplication

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web:1.4"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0f9d-1"


def settings(**changes: Any) -> WebApplication:
    return WebApplication.model_validate({"platform": "web-application", **changes})


def test_defaults_ask_for_certificate_and_image_at_deployment() -> None:
    found = settings()
    assert (found.application.certificate, found.application.image) == (None, None)
    assert found.region == "us-east-1"


@pytest.mark.parametrize(("most", "connections"), [(1, 189), (4, 823), (8, 1669), (12, 1669), (256, 5000)])
def test_possible_connections_follow_from_the_largest_capacity(most: float, connections: int) -> None:
    assert settings(database={"min_capacity": 1, "max_capacity": most}).database.connections == connections


def test_a_small_least_capacity_bounds_the_possible_connections() -> None:
    assert settings(database={"min_capacity": 0.5, "max_capacity": 64}).database.connections == 2000


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"network": {"cidr": "10.0.0.0/23"}}, "has room for 2 subnets of /24 and 4 are needed"),
        ({"network": {"cidr": "10.0.0.1/16"}}, "host bits are zero"),
        ({"network": {"zones": 4}}, "less than or equal to 3"),
        ({"region": "us-west-1", "network": {"zones": 3}}, "us-west-1 has 2 availability zones and 3 are needed"),
        ({"database": {"readers": 16}}, "less than or equal to 15"),
        ({"database": {"readers": 0}}, "greater than or equal to 1"),
        ({"database": {"engine_version": "15.6"}}, "a version of aurora-postgresql on offer"),
        ({"database": {"backup_days": 36}}, "less than or equal to 35"),
        ({"database": {"min_capacity": 4, "max_capacity": 2}}, "database.max_capacity 2 must be"),
        ({"database": {"backup_window": "04:30-05:30"}}, "overlaps"),
        ({"application": {"image": "nginx:latest"}}, "must be an image in ECR"),
        ({"application": {"image": IMAGE.replace("us-east-1", "eu-west-1")}}, "application.image is in eu-west-1"),
        (
            {"application": {"certificate": CERTIFICATE.replace("us-east-1", "eu-west-1")}},
            "application.certificate is in eu-west-1",
        ),
        (
            {"adopt": {"key": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}},
            "adopt.key is in eu-west-1, not in us-east-1",
        ),
        ({"application": {"certificate": "arn:aws:iam::123456789012:server-certificate/x"}}, "ACM certificate"),
        ({"application": {"cpu": 256, "memory": 4096}}, "memory 4096 MiB does not go with cpu 256"),
        ({"application": {"cpu": 300}}, "cpu must be one of 256, 512"),
        ({"application": {"min_tasks": 1}}, "greater than or equal to 2"),
        ({"application": {"min_tasks": 8}}, "application.max_tasks 6 is below application.min_tasks 8"),
        ({"backup": {"start_minutes": 180}}, "backup.completion_minutes must be 240 or more"),
        ({"backup": {"copy_to": "vault"}}, "the ARN of an AWS Backup vault"),
        ({"storage": {"infrequent_access_after": "7d"}}, "30d or more"),
        ({"storage": {"keep_versions": "36h"}}, "must be whole days"),
        ({"application": {"log_days": 31}}, "a number of days CloudWatch Logs can keep"),
    ],
)
def test_what_cannot_be_built_is_refused(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        settings(**changes)


def test_example_says_what_the_defaults_leave_open() -> None:
    example = load(Path(__file__).parents[3] / "examples" / "web-application.yaml", environ={})
    assert isinstance(example, WebApplication)
    assert example.application.image
    assert example.application.certificate
