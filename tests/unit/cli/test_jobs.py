from __future__ import annotations

import os

import pytest

from holdfast.cli.repository import jobs_to_store
from tests.support.command_line import Run


@pytest.mark.parametrize(
    ("cores", "asked", "repo", "expected"),
    [
        (4, None, "folder", 4),
        (4, None, "s3://bucket/prefix", 3),
        (4, None, "vault:stack", 3),
        (4, 4, "s3://bucket", 4),
        (2, None, "s3://bucket", 2),
        (1, None, "s3://bucket", 1),
    ],
)
def test_storing_in_aws_takes_one_process_less_unless_told(
    monkeypatch: pytest.MonkeyPatch, cores: int, asked: int | None, repo: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert jobs_to_store(asked, repo) == expected


def test_more_jobs_than_can_be_waited_for_are_refused(holdfast: Run) -> None:
    refused = holdfast("backup", "source", "--repo", "repo", "--jobs", "257")
    assert (refused.status, "1<=x<=256" in refused.err) == (2, True)
