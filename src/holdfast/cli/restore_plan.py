"""What `restore --plan` prints."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.cli.text import shown_count, shown_size

if TYPE_CHECKING:
    from holdfast.backup.plan_restore import RestorePlan


def plan_as_text(plan: RestorePlan) -> str:
    """Return what people read of a plan."""
    lines = [
        (
            f"snapshot {plan.snapshot[:12]}: {shown_count(plan.files, 'file')}, {shown_size(plan.bytes)} to write, "
            f"from {shown_count(plan.packs, 'pack')} of {shown_size(plan.pack_bytes)}"
        )
    ]
    for share in sorted(plan.shares.values(), key=lambda one: one.storage_class):
        cold = f", {share.cold_packs} to thaw ({shown_size(share.cold_bytes)})" if share.cold_packs else ""
        lines.append(f"  {share.storage_class}: {shown_count(share.packs, 'pack')}, {shown_size(share.bytes)}{cold}")
    if plan.shares:
        wait = f"up to {_hours(plan.wait)} to thaw ({plan.tier}), then " if plan.cold_packs else ""
        lines.append(
            f"time: {wait}about {_hours(plan.transfer)} to read; money: about ${plan.dollars:,.2f} in the region"
        )
    return "\n".join(lines)


def plan_as_json(plan: RestorePlan) -> dict[str, object]:
    """Return what machines read of a plan."""
    classes = [
        {
            "storage_class": share.storage_class,
            "packs": share.packs,
            "bytes": share.bytes,
            "cold_packs": share.cold_packs,
            "cold_bytes": share.cold_bytes,
        }
        for share in plan.shares.values()
    ]
    return {
        "snapshot": plan.snapshot,
        "files": plan.files,
        "bytes": plan.bytes,
        "packs": plan.packs,
        "pack_bytes": plan.pack_bytes,
        "classes": classes,
        "thaw_seconds": plan.wait.total_seconds(),
        "transfer_seconds": plan.transfer.total_seconds() if plan.shares else None,
        "dollars": round(plan.dollars, 4),
    }


def _hours(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds >= 5400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
