"""Sorted measurements summed up without assuming any shape; nearest rank, so every figure was really measured."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cumulative(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return the curve (value, percent of the values at or below it) of sorted values, from zero."""
    total = len(values)
    return [(0.0, 0.0), *((value, 100 * (number + 1) / total) for number, value in enumerate(values))]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest of the sorted values with at least `percent` of all at or below it."""
    if not ordered:
        raise ValueError("percentile of nothing")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
