"""Every name of a backup system, fixed before anything exists, so that policies and the other region can say them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from holdfast.platforms.registry import entry_of
from holdfast.settings.backup_engine import BackupSettings

REPLICATION_RULE = "replicate-to-second-region"
REPOSITORY_PREFIX = "backups/"
ACCESS_LOG_PREFIX = "backup-bucket-access-logs/"
ROLES_OF_FUNCTIONS = ("initiator", "worker", "restore", "verify", "prune", "create", "replica-key")


@dataclass(frozen=True, kw_only=True)
class BackupNames:
    """Names and ARNs for one environment; `account` and `partition` may be CloudFormation tokens.

    Args:
        platform: name of the platform.
        buckets: how the names of buckets begin.
        stem: how all other names begin.
        dashboard_stem: name of the dashboard without the environment.
        namespace: namespace of the metrics without the environment.
    """

    settings: BackupSettings
    account: str
    partition: str
    platform: str
    buckets: str
    stem: str
    dashboard_stem: str
    namespace: str

    @property
    def suffix(self) -> str:
        """The environment's name, in every name."""
        return self.settings.environment

    def _bucket(self, kind: str, region: str) -> str:
        return f"{self.buckets}-{kind}-{self.suffix}-{self.account}-{region}"

    @property
    def primary_bucket(self) -> str:
        """Where the repository lives."""
        return self._bucket("primary", self.settings.region)

    @property
    def replica_bucket(self) -> str:
        """The repository's copy in the second region."""
        return self._bucket("replication", self.settings.replica_region)

    @property
    def access_log_bucket(self) -> str:
        """Who asked the primary bucket for what."""
        return self._bucket("access-logs", self.settings.region)

    @property
    def audit_bucket(self) -> str:
        """The audit trail's files."""
        return self._bucket("audit-trail", self.settings.region)

    @property
    def source_bucket(self) -> str:
        """The users' files: the bucket of the settings, or one of ours."""
        return self.settings.engine.source_bucket or self._bucket("source", self.settings.region)

    @property
    def restore_bucket(self) -> str:
        """Where restored files wait to be fetched."""
        return self._bucket("restore", self.settings.region)

    def bucket_arn(self, name: str) -> str:
        """Return the ARN of a bucket."""
        return f"arn:{self.partition}:s3:::{name}"

    @property
    def metadata_table(self) -> str:
        """Backup records and leases."""
        return f"{self.stem}-metadata-{self.suffix}"

    @property
    def deduplication_table(self) -> str:
        """Chunk and pack rows."""
        return f"{self.stem}-deduplication-{self.suffix}"

    @property
    def trail(self) -> str:
        """The audit trail."""
        return f"{self.stem}-audit-trail-{self.suffix}"

    @property
    def primary_key_alias(self) -> str:
        """Alias of the primary key, without `alias/`."""
        return f"{self.stem}-encryption-key-primary-{self.suffix}"

    @property
    def replica_key_alias(self) -> str:
        """Alias of the replication key, without `alias/`."""
        return f"{self.stem}-encryption-key-replication-{self.suffix}"

    @property
    def replica_key_parameter(self) -> str:
        """SSM parameter of the replica's region that holds the ARN of the replication key."""
        return f"/holdfast/{self.platform}/{self.suffix}/replica-key-arn"

    @property
    def replica_key_parameter_arn(self) -> str:
        """ARN of that parameter."""
        region = self.settings.replica_region
        return f"arn:{self.partition}:ssm:{region}:{self.account}:parameter{self.replica_key_parameter}"

    def function(self, role: str) -> str:
        """Return the name of the function with this part: `initiator`, `worker`, ..."""
        return f"{self.stem}-{role}-{self.suffix}"

    def rule(self, kind: str) -> str:
        """Return the name of a schedule's rule: `daily`, `interim`, `prune`, `verify`."""
        return f"{self.stem}-{kind}-{self.suffix}"

    def rule_arn(self, kind: str) -> str:
        """Return the ARN of that rule."""
        return f"arn:{self.partition}:events:{self.settings.region}:{self.account}:rule/{self.rule(kind)}"

    @property
    def metric_namespace(self) -> str:
        """Namespace of the vault's own metrics; they need no dimension, because the environment is in it."""
        return f"{self.namespace}/{self.suffix}"

    @property
    def dashboard(self) -> str:
        """The dashboard."""
        return f"{self.dashboard_stem}-{self.suffix}"

    def queue(self, kind: str) -> str:
        """Return the name of a queue: `queue`, `dead-letters`, `lost-events`."""
        return f"{self.stem}-{kind}-{self.suffix}"

    @property
    def topic(self) -> str:
        """Where notices and alarms go."""
        return f"{self.stem}-notifications-{self.suffix}"

    @property
    def replica_topic(self) -> str:
        """Where the second region's alarms go."""
        return f"{self.stem}-replica-notifications-{self.suffix}"


def names_of(settings: BackupSettings, account: str, partition: str) -> BackupNames:
    """Return the names of the backup platform that `settings` describe, as its own module gives them."""
    module = importlib.import_module(f"{entry_of(settings.platform).package}.names")
    found = module.names_of(settings, account, partition)
    assert isinstance(found, BackupNames)
    return found
