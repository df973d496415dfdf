"""What no function can do for an operator: once before the first cutover, and around each."""

from __future__ import annotations

from holdfast.cutover.state import Environment

BEFORE_THE_FIRST = (
    "keep the binary log of both clusters: CALL mysql.rds_set_configuration('binlog retention hours', 72)",
    "give every table a primary key; without one a change that arrives twice makes a second row",
    (
        "copy the schema without rows from blue to green (mysqldump --no-data --routines --triggers --events); leave "
        "triggers and events out where they would repeat what replication carries"
    ),
    "create the applications' users on both clusters, never with CONNECTION_ADMIN, which ignores the fence",
    "start the task that loads green and then follows blue; wait until its load has ended and its lag is small",
    "let both applications read their writer from the active-environment parameter, and again when a write is refused",
)


def by_hand(source: Environment) -> list[str]:
    """Return the steps around a cutover out of `source`, in order."""
    target = source.other
    once = list(BEFORE_THE_FIRST) if source is Environment.BLUE else []
    return [
        *once,
        f"deploy the new application to {target} and wait for its targets to be healthy",
        "do not deploy the platform, change schemas or rotate the databases' secrets until the cutover has ended",
        f"after it has ended, compare what matters to you on both sides; {source} follows {target} for the way back",
        f"when the way back is no longer wanted, stop the task {target} to {source}",
    ]
