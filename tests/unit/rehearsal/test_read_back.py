from __future__ import annotations

from typing import Any

import pytest

from holdfast.rehearsal.read_back import ReadBack, Verdict, holds


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (300, "300"),
        (1, 1.0),
        (True, "true"),
        (False, False),
        ("s3:PutObject", ["s3:PutObject"]),
        (["a", "b"], ["b", "a"]),
        ({"A": 1}, {"A": "1", "More": 2}),
        ([{"Id": 1}, {"Id": 2}], [{"Id": 2, "x": 0}, {"Id": 1}]),
        ([], []),
    ],
)
def test_an_answer_that_says_it_in_other_words_or_order_shows_it(wanted: Any, got: Any) -> None:
    assert holds(wanted, got)


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (300, 301),
        (True, False),
        (1, True),
        ("KMS", None),
        ({"A": 1}, {}),
        ({"A": {"B": 1}}, {"A": {"B": 2}}),
        (["a"], ["a", "b"]),
        (["a", "a"], ["a", "b"]),
        (["a"], []),
        ({"A": 1}, "nothing"),
    ],
)
def test_an_answer_that_says_something_else_or_less_does_not_show_it(wanted: Any, got: Any) -> None:
    assert not holds(wanted, got)


def test_a_difference_is_told_in_one_line() -> None:
    found = ReadBack(
        stack="vault",
        region="us-east-1",
        logical_id="Bucket",
        resource_type="AWS::S3::Bucket",
        property="VersioningConfiguration",
        wanted={"Status": "Enabled"},
        got={"Status": "Suspended"},
        verdict=Verdict.DIFFERENT,
    )
    assert str(found) == (
        "vault.Bucket (AWS::S3::Bucket) VersioningConfiguration: "
        'the template says {"Status": "Enabled"}, the service {"Status": "Suspended"}'
    )
