"""Our extension of MiniStack 1.5.33: what it lacks, drops or does otherwise than AWS.

The only place that touches MiniStack's private names. Each module below says what it replaces and why; `install`
puts all of it in place once, in the child process, before the first request.
"""

from __future__ import annotations

from pathlib import Path

from holdfast.rehearsal.embedded.extension.control import ControlledApp

MINISTACK_VERSION = "1.5.33"


def install(folder: Path, token: str) -> ControlledApp:
    """Put all of it in place and return the ASGI app to serve."""
    from ministack.app import app

    from holdfast.rehearsal.embedded.extension import (
        alarms,
        backup_vaults,
        balancing,
        completion,
        credentials,
        databases,
        functions,
        permissions,
        queries,
        queues,
        replication,
        schedules,
        storage,
        types,
    )

    storage.install(folder / "objects")
    functions.install(folder)
    replication.install()
    permissions.install()
    queries.install()
    queues.install()
    schedules.install()
    types.install()
    credentials.install()
    completion.install()
    databases.install()
    alarms.install()
    balancing.install()
    backup_vaults.install()
    return ControlledApp(app, token)
