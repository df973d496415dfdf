"""What one form of the backup system has that another has not: plain values, which the shared stacks build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import aws_s3 as s3

from holdfast.platforms.backup_system.names import BackupNames
from holdfast.platforms.constructs.bucket import ObjectLock
from holdfast.platforms.constructs.table import TTL_ATTRIBUTE
from holdfast.settings.backup_engine import BackupSettings, Engine
from holdfast.settings.variables import USUAL_DEDUPLICATION_KEY


@dataclass(frozen=True, kw_only=True)
class Form:
    """A backup platform, as the two stacks see it.

    Args:
        platform: name of the platform, and of its stacks without the environment.
        names: gives every name, from account and partition, which may be tokens.
        title: how the stacks' descriptions begin.
        schedules: expressions by kind of rule; `prune` and `verify` invoke those functions, the others the initiator.
        lifecycle: rules of the repository's bucket and of its replica.
        storage_types: what CloudWatch calls the classes that objects are in.
        capabilities: the output SystemCapabilities.
        trusted_accounts: other accounts that may read the stored objects in both regions.
        private_network: whether the functions run in a network without a way to the internet.
        lock: Object Lock on repository, replica and audit trail.
        deduplication_key: key attribute of the deduplication table.
        deduplication_ttl: attribute by which its rows could expire. Nothing writes it: age says nothing about use.
        stream: whether changes of the metadata table can be followed.
        queue_days: how long a job waits in the queue at most; None: SQS's own 4 days.
        emptied: whether the primary stack empties every bucket when it is deleted.
    """

    settings: BackupSettings
    platform: str
    names: Callable[[str, str], BackupNames]
    title: str
    tags: Mapping[str, str]
    schedules: Mapping[str, str]
    lifecycle: Sequence[s3.LifecycleRule]
    storage_types: Sequence[str]
    capabilities: Mapping[str, Any]
    trusted_accounts: Sequence[str] = field(default_factory=list)
    private_network: bool = True
    lock: ObjectLock | None = None
    deduplication_key: str = USUAL_DEDUPLICATION_KEY
    deduplication_ttl: str = TTL_ATTRIBUTE
    stream: bool = False
    queue_days: int | None = None
    emptied: bool = False

    @property
    def stack(self) -> str:
        """Name of the primary stack."""
        return f"{self.platform}-{self.settings.environment}"

    @property
    def replica_stack(self) -> str:
        """Name of the replica stack, which is deployed first."""
        return f"{self.platform}-replica-{self.settings.environment}"


def object_lock(engine: Engine) -> ObjectLock | None:
    """Return the Object Lock of the settings."""
    lock = engine.lock
    return None if lock.mode == "off" else ObjectLock(mode=lock.mode, days=lock.days)
