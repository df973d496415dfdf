from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from holdfast.settings.fields import KeyArn

KEY = TypeAdapter(KeyArn)
IN = "arn:aws:kms:us-east-1:123456789012:"


@pytest.mark.parametrize(
    "arn",
    [
        f"{IN}key/1234abcd-12ab-34cd-56ef-1234567890ab",
        f"{IN}key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ],
)
def test_the_arn_of_a_key_is_taken_of_one_region_or_many(arn: str) -> None:
    assert KEY.validate_python(arn) == arn


@pytest.mark.parametrize(
    "text",
    [
        f"{IN}alias/backups",
        f"{IN}key/backups",
        f"{IN}key/mrk-1234abcd-12ab-34cd-56ef-1234567890ab",
        f"{IN}key/1234abcd12ab34cd56ef1234567890ab",
        f"{IN}key/1234abcd-12ab-34cd-56ef-1234567890ab/",
        "arn:aws:kms:us-east-1::key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "",
    ],
)
def test_what_names_no_key_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r"must be the ARN of a KMS key, not of an alias, as in arn:aws:kms:\S+"):
        KEY.validate_python(text)
