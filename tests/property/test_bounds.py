from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, is_hypothesis_test
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.conftest import PROPERTY_SECONDS


@given(st.booleans())
def test_any_property(value: bool) -> None:
    assert value in (True, False)


class AnyMachine(RuleBasedStateMachine):
    @rule()
    def step(self) -> None:
        """Nothing."""


TestAnyMachine = AnyMachine.TestCase


def test_every_property_and_state_machine_has_a_bound_of_time(request: pytest.FixtureRequest) -> None:
    found: dict[str, Any] = {
        item.nodeid: item.get_closest_marker("timeout")
        for item in request.session.items
        if is_hypothesis_test(getattr(item, "obj", None))
    }
    assert [name for name, bound in found.items() if bound is None or bound.args[0] > PROPERTY_SECONDS] == []
    here = request.node.nodeid.partition("::")[0]
    properties = {f"{here}::test_any_property", f"{here}::TestAnyMachine::runTest"}
    assert properties & {item.nodeid for item in request.session.items} <= set(found)
