"""The order in which users are queued."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import SourceUnreadable
from holdfast.vault.users import after, ranked

found = st.lists(st.tuples(st.text(min_size=1, max_size=5), st.booleans()), min_size=1, max_size=30)


@given(found, st.integers(0, 40))
def test_everybody_is_there_once_and_the_first_are_high(users: list[tuple[str, bool]], priority: int) -> None:
    order = ranked(users, priority)
    assert sorted(user.name for user in order) == sorted({name for name, _ in users})
    assert [user.priority for user in order] == ["HIGH"] * min(priority, len(order)) + ["NORMAL"] * max(
        0, len(order) - priority
    )
    assert order == sorted(order)


def test_marked_users_come_first() -> None:
    order = ranked([("ann", False), ("zoe", True), ("bob", False)], 1)
    assert [(user.name, user.priority) for user in order] == [("zoe", "HIGH"), ("ann", "NORMAL"), ("bob", "NORMAL")]


def test_nobody_is_a_failure() -> None:
    with pytest.raises(SourceUnreadable):
        ranked([], 100)


@given(found, st.data())
def test_going_on_after_a_user_leaves_exactly_the_rest(users: list[tuple[str, bool]], data: st.DataObject) -> None:
    order = ranked(users, 3)
    at = data.draw(st.integers(0, len(order) - 1))
    assert after(order, order[at]) == order[at + 1 :]
    assert after(order, None) == order


def test_a_user_who_appears_before_the_last_one_sent_waits_for_the_next_run() -> None:
    (_, last, _) = ranked([("ann", False), ("bob", False), ("eve", False)], 2)
    order = ranked([("aaa", False), ("ann", False), ("bob", False), ("eve", False)], 2)
    assert [user.name for user in after(order, last)] == ["eve"]
