from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.settings.quantities import (
    days_of,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
    read_duration,
    spell_duration,
)


@given(number=st.integers(min_value=1, max_value=10**6), unit=st.sampled_from("smhdw"))
def test_what_is_formatted_reads_back_as_itself(number: int, unit: str) -> None:
    value = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(value)) == value


@pytest.mark.parametrize("text", ["0h", "24", "h", "-1d", "1.5h", "24 h", "24H", "", "1y", "٣d"])
def test_duration_refuses_zero_fractions_and_unknown_units(text: str) -> None:
    with pytest.raises(ValueError, match="whole number above zero"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "tag"), [("24h", "24hours"), ("2h", "2hours"), ("60d", "60days"), ("1h", "1hour"), ("15m", "15minutes")]
)
def test_tags_spell_durations_out(text: str, tag: str) -> None:
    assert spell_duration(parse_duration(text)) == tag


@pytest.mark.parametrize(
    ("seconds", "text"), [(59100, "16h 25m"), (150, "2m 30s"), (0, "0s"), (200000, "2d 7h"), (86400, "24h")]
)
def test_people_read_durations_in_two_units(seconds: int, text: str) -> None:
    assert read_duration(timedelta(seconds=seconds)) == text


def test_days_are_rounded_up() -> None:
    assert (days_of(timedelta(days=60)), days_of(timedelta(days=60, seconds=1))) == (60, 61)


@given(thousandths=st.integers(min_value=1, max_value=100_000))
def test_percentages_read_back(thousandths: int) -> None:
    share = thousandths / 100_000
    assert parse_percent(format_percent(share)) == pytest.approx(share)


@pytest.mark.parametrize("text", ["99.9", "0%", "100.1%", "-1%", "abc%", "%"])
def test_percentage_needs_its_sign_and_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"above 0% and up to 100%"):
        parse_percent(text)


def test_share_just_below_all_is_never_shown_as_all() -> None:
    assert format_percent(0.999999998) == "99.9999998%"
