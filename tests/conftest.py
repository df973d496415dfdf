"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.internal.conjecture import engine

PROPERTY_SECONDS = 240
"""What a property may take at most, its counterexample made small included; at rest none takes 3."""

# A machine that does other work too must not fail a property: what it says about time is said by benches.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
# By default a counterexample is made smaller for 300 seconds: the test would be ended before it is told.
engine.MAX_SHRINKING_SECONDS = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every property and state machine its bound of time."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(PROPERTY_SECONDS))
