from __future__ import annotations

from datetime import date, timedelta

import pytest

from holdfast.settings.schedule import Cron, Rate, longest_gap, parse_schedule


def gap(*texts: str) -> timedelta | None:
    return longest_gap([parse_schedule(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("cron(0 2 * * ? *)", 24),
        ("cron(0 */6 * * ? *)", 6),
        ("cron(0 2,8 * * ? *)", 18),
        ("cron(0 2 ? * MON-FRI *)", 72),
        ("cron(0 2 ? * SUN *)", 168),
        ("cron(0 2 1 * ? *)", 31 * 24),
        ("cron(0 2 29 FEB ? *)", None),
        ("rate(6 hours)", 6),
        ("rate(1 day)", 24),
    ],
)
def test_longest_gap_between_two_runs(text: str, hours: int | None) -> None:
    assert gap(text) == (None if hours is None else timedelta(hours=hours))


def test_second_schedule_shortens_the_gap() -> None:
    assert gap("cron(0 2 * * ? *)", "cron(0 14 * * ? *)") == timedelta(hours=12)
    assert gap("cron(0 2 * * ? *)", "rate(4 hours)") == timedelta(hours=4)


@pytest.mark.parametrize("text", ["cron(0 2 L * ? *)", "cron(0 2 ? * 6#3 *)", "cron(0 2 15W * ? *)"])
def test_special_days_are_accepted_but_prove_nothing(text: str) -> None:
    assert gap(text) is None


def test_schedule_of_some_years_proves_nothing() -> None:
    assert gap("cron(0 2 * * ? 2027)") is None


def test_weekday_one_is_sunday() -> None:
    cron = parse_schedule("cron(0 2 ? * 1 *)")
    assert isinstance(cron, Cron)
    assert [start.isoweekday() for start in cron.starts(date(2026, 11, 16), 14)] == [7, 7]


def test_rate_is_its_period() -> None:
    assert parse_schedule("rate(1 minute)") == Rate(timedelta(minutes=1))


@pytest.mark.parametrize(
    "text",
    [
        "daily",
        "cron(0 2 * * *)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(60 2 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 2 32 * ? *)",
        "cron(0 2 * 13 ? *)",
        "cron(0 2 ? * 8 *)",
        "cron(0 5-2 * * ? *)",
        "cron(0/0 2 * * ? *)",
        "rate(0 hours)",
        "rate(1 hours)",
        "rate(2 hour)",
        "rate(2 weeks)",
    ],
)
def test_what_eventbridge_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^cron\(minute hour day month weekday year\) or rate"):
        parse_schedule(text)
