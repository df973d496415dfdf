"""How the difference between a platform and what is deployed is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.stacks.compare import Difference

SIGNS = {"Add": "+", "Remove": "-", "Import": "<", "Modify": "~", "Dynamic": "?"}
REPLACED = {"yes": "  REPLACED", "perhaps": "  perhaps replaced"}


def text(found: Sequence[Difference]) -> str:
    """Return a line for each stack, and below it one for each resource that would change."""
    lines = []
    for one in found:
        counts = f"{len(one.changes)} changes" if len(one.changes) != 1 else "1 change"
        state = "new" if one.is_new else counts if one.changes else "unchanged"
        lines.append(f"{one.stack}  {one.region}  {state}")
        for change in one.changes:
            what = f"  {', '.join(change.properties)}" if change.properties else ""
            sign = SIGNS.get(change.action, "?")
            lines.append(
                f"  {sign} {change.logical_id} ({change.resource_type}){what}{REPLACED.get(change.replaced, '')}"
            )
    return "\n".join(lines)


def rows(found: Sequence[Difference]) -> list[dict[str, Any]]:
    """Return the same as data."""
    return [asdict(one) for one in found]
