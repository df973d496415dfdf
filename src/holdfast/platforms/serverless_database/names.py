"""Every name of the platform, fixed before anything exists, so that policies can say them."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.settings.serverless_database import ServerlessDatabase


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names for one environment; `account` may be a CloudFormation token."""

    settings: ServerlessDatabase
    account: str

    @property
    def suffix(self) -> str:
        """The environment's name, in every name."""
        return self.settings.environment

    @property
    def stack(self) -> str:
        """The stack, and the start of what has no name of its own in the requirements."""
        return f"serverless-database-{self.suffix}"

    @property
    def cluster(self) -> str:
        """The cluster; its instances add -1, -2, ..."""
        return f"aurora-serverless-{self.suffix}"

    @property
    def key_alias(self) -> str:
        """Alias of the key, without `alias/`."""
        return f"aurora-db-key-{self.suffix}"

    @property
    def secret(self) -> str:
        """The master credentials."""
        return f"aurora-db-secret-{self.suffix}"

    @property
    def topic(self) -> str:
        """Where alarms and events go. The transaction database of an environment owns `aurora-alarms-{suffix}`."""
        return f"aurora-serverless-alarms-{self.suffix}"

    @property
    def bucket(self) -> str:
        """Where exports go."""
        return f"aurora-backups-{self.account}-{self.suffix}"

    @property
    def emptier(self) -> str:
        """The function that empties the bucket."""
        return f"aurora-backups-emptier-{self.suffix}"

    @property
    def export(self) -> str:
        """The schedule that starts exports."""
        return f"aurora-export-{self.suffix}"
