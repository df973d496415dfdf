"""What a function of the vault is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.backup.stores.aws.rows import HASH
from holdfast.errors import InvalidRequest
from holdfast.settings import variables as var


@dataclass(frozen=True)
class Environment:
    """The variables of one process. Each function has those it uses; asking for another names it in the error."""

    values: Mapping[str, str]

    @property
    def queue_url(self) -> str:
        """The backup queue."""
        return self._text(var.BACKUP_QUEUE_URL)

    @property
    def metadata_table(self) -> str:
        """Records, lists, runs."""
        return self._text(var.METADATA_TABLE)

    @property
    def deduplication_table(self) -> str:
        """Chunk and pack rows."""
        return self._text(var.DEDUPLICATION_TABLE)

    @property
    def deduplication_key(self) -> str:
        """Key attribute of that table."""
        return self.values.get(var.DEDUPLICATION_KEY) or HASH

    @property
    def topic_arn(self) -> str:
        """Where notices go."""
        return self._text(var.NOTIFICATION_TOPIC_ARN)

    @property
    def max_concurrent_backups(self) -> int:
        """How many users the event source hands out at a time."""
        return self._number(var.MAX_CONCURRENT_BACKUPS, least=1)

    @property
    def repository_bucket(self) -> str:
        """Bucket of the repository."""
        return self._text(var.REPOSITORY_BUCKET)

    @property
    def repository_prefix(self) -> str:
        """Prefix of the repository, ending in a slash, or empty."""
        return _folder(self.values.get(var.REPOSITORY_PREFIX, ""))

    @property
    def key_arn(self) -> str:
        """The KMS key of this region."""
        return self._text(var.KEY_ARN)

    @property
    def source_bucket(self) -> str:
        """Bucket with the users' files."""
        return self._text(var.SOURCE_BUCKET)

    @property
    def source_prefix(self) -> str:
        """Prefix below which each folder is a user, ending in a slash, or empty."""
        return _folder(self.values.get(var.SOURCE_PREFIX, ""))

    @property
    def users_table(self) -> str | None:
        """Table of the users; None: the source's folders are the users."""
        return self.values.get(var.USERS_TABLE) or None

    @property
    def priority_users(self) -> int:
        """How many users are HIGH."""
        return self._number(var.PRIORITY_USERS, least=0)

    @property
    def retention_days(self) -> int:
        """How long every snapshot is kept."""
        return self._number(var.RETENTION_DAYS, least=1)

    @property
    def restore_bucket(self) -> str:
        """Where restored files go."""
        return self._text(var.RESTORE_BUCKET)

    @property
    def metric_namespace(self) -> str:
        """Namespace of the vault's own metrics."""
        return self._text(var.METRIC_NAMESPACE)

    def _text(self, name: str) -> str:
        value = self.values.get(name, "")
        if not value:
            raise InvalidRequest(f"environment variable {name} is not set; deploy the function with its template")
        return value

    def _number(self, name: str, *, least: int) -> int:
        text = self._text(name)
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise InvalidRequest(f"environment variable {name} must be a whole number of {least} or more, got {text!r}")
        return int(text)


def _folder(prefix: str) -> str:
    return f"{prefix.strip('/')}/" if prefix.strip("/") else ""
