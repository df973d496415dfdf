"""Field types of the settings: each refuses what is wrong with the words "must be ..."."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from holdfast.settings.quantities import (
    DURATION_PATTERN,
    PERCENT_PATTERN,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
)
from holdfast.settings.schedule import parse_schedule


class Section(BaseModel):
    """A frozen part of the settings that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)


def refuse(allowed: str) -> PydanticCustomError:
    """Return the error whose line reads `<key> must be <allowed>, got <value>`."""
    return PydanticCustomError("must_be", "must be {allowed}", {"allowed": allowed})


def conflict(message: str) -> PydanticCustomError:
    """Return the error for keys that contradict each other; `message` names them and the way out."""
    return PydanticCustomError("conflict", "{message}", {"message": message})


def _parsed(parse: Callable[[str], Any], kind: type, want_text: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        if isinstance(value, kind) and not isinstance(value, str):
            return value
        if not isinstance(value, str):
            raise refuse(want_text)
        try:
            return parse(value)
        except ValueError as error:
            raise refuse(str(error)) from error

    return BeforeValidator(read)


def matching(pattern: str, allowed: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """Return the annotations of text that `pattern` matches whole; the error reads `<key> must be <allowed>`."""
    compiled = re.compile(pattern)

    def read(value: Any) -> Any:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise refuse(allowed)
        return value

    return BeforeValidator(read), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


Duration = Annotated[
    timedelta,
    _parsed(parse_duration, timedelta, "a whole number above zero with s, m, h, d or w, as in 24h or 60d"),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
Percent = Annotated[
    float,
    _parsed(parse_percent, float, "a share above 0% and up to 100%, as in 99.9%"),
    PlainSerializer(format_percent, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PERCENT_PATTERN}),
]


def _check_schedule(value: str) -> str:
    parse_schedule(value)
    return value


Schedule = Annotated[
    str,
    _parsed(_check_schedule, bytes, "cron(minute hour day month weekday year) or rate(n minutes|hours|days)"),
    WithJsonSchema({"type": "string", "pattern": r"^(cron|rate)\(.+\)$"}),
]

_account = matching(r"[0-9]{12}", 'twelve digits in quotes, as in "123456789012"')
_region = matching(r"[a-z]{2}(-[a-z]+)+-[1-9]", "an AWS region, as in us-east-1")
# 16: the longest bucket name, backup-access-logs-{environment}-{account}-ap-southeast-1, has 63 characters with it.
_environment = matching(
    r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?", "1 to 16 lower-case letters, digits and inner hyphens, as in dev or pr-12"
)
_email = matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
_bucket = matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "an S3 bucket's name, 3 to 63 lower-case characters")
_prefix = matching(r"([A-Za-z0-9!_.()-]+/)+", "a prefix that ends with /, as in users/")
# 6: see the environment's longest name.
_stem = matching(r"[a-z][a-z0-9]{0,5}", "1 to 6 lower-case letters and digits, a letter first")
_table = matching(r"[A-Za-z0-9_.-]{3,255}", "a DynamoDB table's name, 3 to 255 characters")
# An alias ARN is refused: in a policy's Resource it speaks of the alias itself, never of the key behind it.
# Source: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN (a UUID, or mrk- and 32
# hexadecimal digits) and https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
_HEX = "[0-9a-f]"
_key = matching(
    rf"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{{12}}:key/(mrk-{_HEX}{{32}}|{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}})",
    "the ARN of a KMS key, not of an alias, as in "
    "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
)
CERTIFICATE_PATTERN = r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+"
_certificate = matching(CERTIFICATE_PATTERN, "the ARN of an ACM certificate")
_path = matching(r"/[!-~]{0,1023}", "a path that begins with /, as in /health")

Account = Annotated[str, *_account]
Region = Annotated[str, *_region]
EnvironmentName = Annotated[str, *_environment]
Email = Annotated[str, *_email]
BucketName = Annotated[str, *_bucket]
BucketStem = Annotated[str, *_stem]
Prefix = Annotated[str, *_prefix]
TableName = Annotated[str, *_table]
KeyArn = Annotated[str, *_key]
CertificateArn = Annotated[str, *_certificate]
HealthPath = Annotated[str, *_path]


def between(low: int, high: int, default: int, *, description: str) -> Any:
    """Declare a whole number from `low` to `high`; the error line names both."""
    return Field(default, ge=low, le=high, description=description)


def check_region(arn: str | None, region: str, *, key: str, advice: str) -> None:
    """Pass an ARN of the region, or none.

    Raises:
        PydanticCustomError: it names another region; the line says both, and the advice.
    """
    if arn and (found := arn.split(":")[3]) != region:
        raise conflict(f"{key} is in {found}, not in {region}: {advice}")
