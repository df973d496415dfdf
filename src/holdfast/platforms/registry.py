"""The platforms there are. Adding one: its package beside `backup_vault`, its settings model, one entry here."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A platform by its package, which holds `build.build`, `build.contradictions_of` and `promises.promises`.

    With functions it also holds `build.bundle_of`, which gives their zip.

    Nothing of the package is imported before it is asked for: a list of platforms needs no CDK.
    """

    name: str
    summary: str
    package: str

    def builder(self) -> Any:
        """Import and return the module that builds the stacks; this loads the CDK."""
        return importlib.import_module(f"{self.package}.build")

    def promises(self) -> Callable[..., Any]:
        """Import and return the function that derives the promises; this does not load the CDK."""
        found: Callable[..., Any] = importlib.import_module(f"{self.package}.promises").promises
        return found


PLATFORMS = {
    entry.name: entry
    for entry in (
        Entry(
            name="backup-vault",
            summary="S3 backup system for 1,000 users: deduplicating, replicated to a second region, verified, audited",
            package="holdfast.platforms.backup_vault",
        ),
        Entry(
            name="backup-archive",
            summary="the small form: one schedule, storage that tiers by itself, cold storage past retention",
            package="holdfast.platforms.backup_archive",
        ),
        Entry(
            name="serverless-database",
            summary="Aurora MySQL Serverless v2: a writer and a reader in two zones, isolated, exported every day",
            package="holdfast.platforms.serverless_database",
        ),
        Entry(
            name="transaction-database",
            summary="Aurora MySQL, a writer and two readers in three zones: one CloudFormation file with parameters",
            package="holdfast.platforms.transaction_database",
        ),
        Entry(
            name="payment-database",
            summary="Aurora PostgreSQL for payments: a writer and two readers in three zones, rotated credentials",
            package="holdfast.platforms.payment_database",
        ),
        Entry(
            name="web-application",
            summary="load balancer, Fargate, Aurora PostgreSQL, sessions, bucket and AWS Backup; one stack a component",
            package="holdfast.platforms.web_application",
        ),
        Entry(
            name="payment-migration",
            summary="blue-green payment system: two Aurora MySQL clusters, a weighted load balancer, a cutover",
            package="holdfast.platforms.payment_migration",
        ),
    )
}


def entry_of(name: str) -> Entry:
    """Return the platform called `name`.

    Raises:
        InvalidRequest: there is none; the nearest name is told.
    """
    if name in PLATFORMS:
        return PLATFORMS[name]
    near = difflib.get_close_matches(name, PLATFORMS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"`holdfast platforms` lists them: {', '.join(PLATFORMS)}"
    raise InvalidRequest(f"platform {name!r} does not exist; {hint}")
