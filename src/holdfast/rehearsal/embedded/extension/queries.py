"""Key conditions are parsed once a query, not once an item.

MiniStack tokenizes and checks a query's KeyConditionExpression anew for every item of the partition, which makes a
query over thousands of items take tens of milliseconds, and a run over a thousand users minutes. The two forms that
nearly every query uses are compiled here; MiniStack still evaluates the first item itself, so that what it refuses it
refuses as before, and every other form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import dynamodb

SLOT = "KeyConditionExpression"
Item = Mapping[str, Any]
Matches = Callable[[Item], bool]

_NAME, _VALUE = r"(#\w+)", r"(:\w+)"
_FORMS = re.compile(rf"{_NAME} = {_VALUE}(?: AND begins_with\({_NAME}, {_VALUE}\))?")


def install() -> None:
    """Put the compiled conditions before MiniStack's evaluator."""
    evaluate = dynamodb._evaluate_condition
    last: tuple[Any, Any, Any, Matches | None] = ("", None, None, None)

    def evaluate_condition(expr: Any, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> Any:
        nonlocal last
        if slot != SLOT:
            return evaluate(expr, item, values, names, slot)
        if last[0] is expr and last[1] is values and last[2] is names and last[3] is not None:
            return last[3](item)
        answer = evaluate(expr, item, values, names, slot)  # the first item of a query
        last = (expr, values, names, compiled(expr, values, names))
        return answer

    dynamodb._evaluate_condition = evaluate_condition


def compiled(expr: str, values: Mapping[str, Any], names: Mapping[str, str]) -> Matches | None:
    """Return a function that tells whether an item meets the condition; None for a form not known here."""
    form = _FORMS.fullmatch(expr)
    if form is None:
        return None
    partition, wanted = names[form[1]], values[form[2]]
    if form[3] is None:
        return lambda item: bool(item.get(partition) == wanted)
    sort, prefix = names[form[3]], values[form[4]].get("S")
    if prefix is None:
        return None
    return lambda item: bool(item.get(partition) == wanted and item.get(sort, {}).get("S", "").startswith(prefix))
