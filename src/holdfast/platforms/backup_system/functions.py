"""A backup system's functions: what each is called, runs, knows and may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from constructs import Construct

from holdfast.platforms.backup_system.figures import (
    INITIATOR_MEMORY_MB,
    INITIATOR_TIMEOUT,
    LONG_TIMEOUT,
    WORKER_TIMEOUT,
)
from holdfast.platforms.backup_system.grants import Things, statements_of
from holdfast.platforms.backup_system.names import BackupNames
from holdfast.platforms.constructs.function import FunctionShape, PythonFunction, Seat
from holdfast.settings import variables as var


@dataclass(frozen=True, kw_only=True)
class Part:
    """One function of a backup system."""

    id: str
    role: str
    handler: str
    description: str
    timeout: timedelta
    variables: tuple[str, ...]
    memory_mb: int | None = None
    networked: bool = True


_REPOSITORY = (
    var.REPOSITORY_BUCKET,
    var.REPOSITORY_PREFIX,
    var.METADATA_TABLE,
    var.DEDUPLICATION_TABLE,
    var.DEDUPLICATION_KEY,
    var.KEY_ARN,
)
_SOURCE = (var.SOURCE_BUCKET, var.SOURCE_PREFIX)
_NOTICES = (var.NOTIFICATION_TOPIC_ARN, var.METRIC_NAMESPACE)

INITIATOR = Part(
    id="Initiator",
    role="initiator",
    handler="holdfast.vault.dispatch.handler",
    description="Finds the users and queues one backup for each",
    timeout=INITIATOR_TIMEOUT,
    memory_mb=INITIATOR_MEMORY_MB,
    variables=(
        var.BACKUP_QUEUE_URL,
        var.METADATA_TABLE,
        var.MAX_CONCURRENT_BACKUPS,
        var.USERS_TABLE,
        var.PRIORITY_USERS,
        *_SOURCE,
        *_NOTICES,
    ),
)
WORKER = Part(
    id="Worker",
    role="worker",
    handler="holdfast.vault.back_up.handler",
    description="Backs up one user: new chunks only, into the repository",
    timeout=WORKER_TIMEOUT,
    variables=(*_REPOSITORY, *_SOURCE, var.BACKUP_QUEUE_URL, *_NOTICES),
)
RESTORE = Part(
    id="Restore",
    role="restore",
    handler="holdfast.vault.restore.handler",
    description="Restores a user's files as of any kept snapshot into the restore bucket",
    timeout=LONG_TIMEOUT,
    variables=(*_REPOSITORY, var.RESTORE_BUCKET, *_NOTICES),
)
VERIFY = Part(
    id="Verify",
    role="verify",
    handler="holdfast.vault.verify.handler",
    description="Restores a sample and compares it, every week",
    timeout=LONG_TIMEOUT,
    variables=(*_REPOSITORY, *_NOTICES),
)
PRUNE = Part(
    id="Prune",
    role="prune",
    handler="holdfast.vault.prune.handler",
    description="Forgets snapshots past retention and reclaims what nothing refers to",
    timeout=LONG_TIMEOUT,
    variables=(*_REPOSITORY, var.RETENTION_DAYS, *_NOTICES),
)
CREATE = Part(
    id="Create",
    role="create",
    handler="holdfast.vault.create.handler",
    description="Creates the repository at the first deployment",
    timeout=INITIATOR_TIMEOUT,
    memory_mb=INITIATOR_MEMORY_MB,
    variables=(var.REPOSITORY_BUCKET, var.REPOSITORY_PREFIX, var.KEY_ARN, var.REPLICA_KEY_ARN, var.REPLICA_REGION),
    networked=False,
)


class Functions:
    """Builds the parts with one shape, one set of ARNs and one table of variables."""

    def __init__(
        self,
        scope: Construct,
        *,
        names: BackupNames,
        shape: FunctionShape,
        things: Things,
        values: Mapping[str, str],
        seat: Seat | None,
    ) -> None:
        self._scope, self._names, self._shape, self._things = scope, names, shape, things
        self._values, self._seat = values, seat

    def build(self, part: Part) -> PythonFunction:
        """Build one function with the variables it uses and no other; a variable without a value is left out."""
        return PythonFunction(
            self._scope,
            part.id,
            shape=self._shape,
            name=self._names.function(part.role),
            handler=part.handler,
            description=part.description,
            timeout_seconds=round(part.timeout.total_seconds()),
            memory_mb=part.memory_mb or self._names.settings.engine.worker_memory_mb,
            environment={name: self._values[name] for name in part.variables if name in self._values},
            statements=statements_of(part.role, self._things),
            seat=self._seat if part.networked else None,
        )
