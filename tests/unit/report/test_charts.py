from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.report.charts import Line, curves, nice_ticks, thin
from holdfast.report.distribution import cumulative, percentile


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_ticks_cover_the_value_with_few_round_steps(top: float) -> None:
    ticks = nice_ticks(top)
    assert ticks[0] == 0
    assert ticks[-1] >= top * 0.998
    assert 2 <= len(ticks) <= 12


@pytest.mark.parametrize(("top", "last"), [(0, 1), (24.3, 25), (100, 100), (0.7, 0.8)])
def test_ticks_end_on_a_round_number(top: float, last: float) -> None:
    assert nice_ticks(top)[-1] == pytest.approx(last)


def test_thinned_curve_keeps_its_ends() -> None:
    points = [(float(x), float(x)) for x in range(1001)]
    thinned = thin(points)
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    assert len(thinned) <= 242


def test_a_curve_without_points_is_drawn_as_empty_axes() -> None:
    svg = curves([Line("none", [], 1)], title="t", x_unit="s", y_unit="MB", width=300)
    assert "no data" in svg


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.floats(min_value=0.1, max_value=100))
def test_percentile_is_a_measured_value_with_enough_at_or_below_it(values: list[float], percent: float) -> None:
    values.sort()
    found = percentile(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) / len(values) >= percent - 1e-9


def test_cumulative_ends_at_all() -> None:
    assert cumulative([1.0, 2.0])[-1] == (2.0, 100.0)
