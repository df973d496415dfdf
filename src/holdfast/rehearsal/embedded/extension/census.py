"""Everything the services hold, by store and key: what is there after a deletion and was not before is left behind."""

from __future__ import annotations

import sys
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

SERVICES = "ministack.services."


def census() -> dict[str, list[str]]:
    """Return the keys of what every store of every service in use holds, of all accounts and regions."""
    found: dict[str, list[str]] = {}
    for name, module in sorted(sys.modules.items()):
        if not name.startswith(SERVICES):
            continue
        for store, value in vars(module).items():
            if isinstance(value, AccountScopedDict | AccountRegionScopedDict):
                found[f"{name.removeprefix(SERVICES)}.{store}"] = sorted(
                    str(key) for key, held in value._data.items() if held and not _is_gone(held)
                )
    return found


def _is_gone(record: Any) -> bool:
    """Tell whether a record only remembers something deleted, as AWS remembers it too for a while."""
    if not isinstance(record, dict):
        return False
    states = (record.get("KeyState"), record.get("State"), record.get("status"), record.get("lastStatus"))
    return bool({"PendingDeletion", "deleted", "INACTIVE", "STOPPED"} & {one for one in states if isinstance(one, str)})
