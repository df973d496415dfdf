from __future__ import annotations

import pytest

from holdfast.report.units import bytes_text, count_text, figure_text, label_text, plural, ratio_text, seconds_text


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234_000, "1.23 MB"),
        (999_600, "1 MB"),
        (312_400_000, "312 MB"),
        (2e15, "2000 TB"),
    ],
)
def test_sizes_have_three_digits(count: float, says: str) -> None:
    assert bytes_text(count) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0.0384, "38 ms"), (4.21, "4.2 s"), (9.96, "10 s"), (38.2, "38 s"), (119.6, "2 min 00 s"), (125, "2 min 05 s"),
        (7200, "2 h 00 min"), (86_400, "24 h 00 min"), (5_184_000, "60 d"),
    ],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float, says: str) -> None:
    assert seconds_text(seconds) == says


def test_figures_take_their_unit_from_their_name() -> None:
    assert figure_text("stored_bytes", 1500) == "1.5 kB"
    assert figure_text("lag_seconds", 2.0) == "2.0 s"
    assert figure_text("changed_percent", 1.0) == "1 %"
    assert figure_text("dedup_ratio", 3.42) == "3.4x"
    assert figure_text("users", 1000) == "1,000"
    assert figure_text("python", "3.11") == "3.11"
    assert (label_text("stored_bytes"), label_text("users"), label_text("bytes")) == ("stored", "users", "bytes")


def test_one_thing_is_no_plural() -> None:
    assert (plural(1, "pack"), plural(0, "pack"), plural(1000, "pack")) == ("1 pack", "0 packs", "1,000 packs")


def test_counts_and_ratios_are_short() -> None:
    assert (count_text(0.12345), count_text(1234567), ratio_text(12.3)) == ("0.123", "1,234,567", "12x")
