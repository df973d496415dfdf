"""Messages of the backup queue."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidRequest
from holdfast.vault.jobs import Job, check_user, parse_job, run_name

RUN = "2026-11-21T02:00:00Z"
names = (
    st.text(min_size=1, max_size=40)
    .filter(lambda text: text.isprintable() and "/" not in text)
    .filter(lambda text: text not in (".", ".."))
)


@given(names, st.sampled_from(["HIGH", "NORMAL"]), st.integers(0, 20))
def test_job_survives_its_message(user: str, priority: str, resumes: int) -> None:
    job = Job(user=user, run=RUN, priority=priority, resumes=resumes)
    assert parse_job(job.body()) == job


def test_body_and_attributes_are_those_of_the_contract() -> None:
    job = Job(user="user-0001", run=RUN, priority="HIGH")
    assert json.loads(job.body()) == {
        "userId": "user-0001",
        "timestamp": RUN,
        "priority": "HIGH",
        "backupType": "INCREMENTAL",
    }
    assert job.attributes() == {
        "Priority": {"DataType": "String", "StringValue": "HIGH"},
        "BackupType": {"DataType": "String", "StringValue": "INCREMENTAL"},
    }


@given(names, names)
def test_attempts_of_two_jobs_never_share_an_id(one: str, other: str) -> None:
    first = set(islice(Job(user=one, run=RUN).attempts(), 5))
    second = set(islice(Job(user=other, run=RUN).attempts(), 5))
    assert len(first) == 5
    assert first.isdisjoint(second) == (one != other)
    assert all(len(id_) == 32 and set(id_) <= set("0123456789abcdef") for id_ in first)


def test_attempts_go_on_where_they_are_asked_to() -> None:
    job = Job(user="ann", run=RUN)
    assert list(islice(job.attempts(), 6))[3:] == list(islice(job.attempts(3), 3))
    assert next(job.attempts()) != next(Job(user="ann", run="2026-11-22T02:00:00Z").attempts())


@pytest.mark.parametrize("user", ["", ".", "..", "a/b", "/", "a\nb", "\x00", "a" * 257, None, 5, ["ann"]])
def test_a_user_that_is_not_one_folder_is_refused(user: object) -> None:
    with pytest.raises(InvalidRequest, match="userId must be"):
        check_user(user)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-21T02:00:00Z", RUN),
        ("2026-11-21T02:00:00.123+00:00", RUN),
        ("2026-11-21T04:00:00+02:00", RUN),
    ],
)
def test_a_run_is_named_by_its_time_in_utc(time: str, expected: str) -> None:
    assert run_name(time) == expected


@pytest.mark.parametrize(
    "time",
    ["2026-11-21T02:00:00", "today", "", None, 7, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_a_time_without_zone_names_no_run(time: object) -> None:
    with pytest.raises(InvalidRequest, match="timestamp must be a time"):
        run_name(time)


@pytest.mark.parametrize("resumes", [-1, "1", True, 1.5])
def test_a_wrong_count_of_resumes_is_refused(resumes: object) -> None:
    body = json.dumps({"userId": "ann", "timestamp": RUN, "resumes": resumes})
    with pytest.raises(InvalidRequest, match="resumes"):
        parse_job(body)


def test_a_body_of_brackets_alone_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        parse_job("[" * 100_000)
