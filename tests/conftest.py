"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A machine that does other work too must not fail a property: what it says about time is said by benches.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
