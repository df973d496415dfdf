"""Every name of the vault, fixed before anything exists, so that policies and the other region can say them."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.settings.backup_vault import BackupVault

REPLICATION_RULE = "replicate-to-second-region"
REPOSITORY_PREFIX = "backups/"
ACCESS_LOG_PREFIX = "backup-bucket-access-logs/"
ROLES_OF_FUNCTIONS = ("initiator", "worker", "restore", "verify", "prune", "create", "replica-key")


@dataclass(frozen=True, kw_only=True)
class VaultNames:
    """Names and ARNs for one environment; `account` and `partition` may be CloudFormation tokens."""

    settings: BackupVault
    account: str
    partition: str

    @property
    def suffix(self) -> str:
        """The environment's name, in every name."""
        return self.settings.environment

    def _bucket(self, kind: str, region: str) -> str:
        return f"backup-{kind}-{self.suffix}-{self.account}-{region}"

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
        return self.settings.vault.source_bucket or self._bucket("source", self.settings.region)

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
        return f"backup-metadata-{self.suffix}"

    @property
    def deduplication_table(self) -> str:
        """Chunk and pack rows."""
        return f"backup-deduplication-{self.suffix}"

    @property
    def trail(self) -> str:
        """The audit trail."""
        return f"backup-audit-trail-{self.suffix}"

    @property
    def primary_key_alias(self) -> str:
        """Alias of the primary key, without `alias/`."""
        return f"backup-encryption-key-primary-{self.suffix}"

    @property
    def replica_key_alias(self) -> str:
        """Alias of the replication key, without `alias/`."""
        return f"backup-encryption-key-replication-{self.suffix}"

    @property
    def replica_key_parameter(self) -> str:
        """SSM parameter of the replica's region that holds the ARN of the replication key."""
        return f"/holdfast/backup-vault/{self.suffix}/replica-key-arn"

    @property
    def replica_key_parameter_arn(self) -> str:
        """ARN of that parameter."""
        region = self.settings.replica_region
        return f"arn:{self.partition}:ssm:{region}:{self.account}:parameter{self.replica_key_parameter}"

    def function(self, role: str) -> str:
        """Return the name of the function with this part: `initiator`, `worker`, ..."""
        return f"backup-{role}-{self.suffix}"

    def rule(self, kind: str) -> str:
        """Return the name of a schedule's rule: `daily`, `interim`, `prune`, `verify`."""
        return f"backup-{kind}-{self.suffix}"

    def rule_arn(self, kind: str) -> str:
        """Return the ARN of that rule."""
        return f"arn:{self.partition}:events:{self.settings.region}:{self.account}:rule/{self.rule(kind)}"

    @property
    def metric_namespace(self) -> str:
        """Namespace of the vault's own metrics; they need no dimension, because the environment is in it."""
        return f"Holdfast/BackupVault/{self.suffix}"


def stack_name(settings: BackupVault) -> str:
    """Return the name of the primary stack."""
    return f"backup-vault-{settings.environment}"


def replica_stack_name(settings: BackupVault) -> str:
    """Return the name of the replica stack, which is deployed first."""
    return f"backup-vault-replica-{settings.environment}"
