"""The key that encrypts everything of the platform at rest."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from holdfast.platforms.constructs.backup_notices import backup_may_use
from holdfast.platforms.constructs.database_alarms import database_events_may_use
from holdfast.platforms.constructs.function import log_group_name
from holdfast.platforms.constructs.key import CustomerKey, alarms_may_use, logs_may_use
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.settings.web_application import WebApplication


class KeysStack(ComponentStack):
    """One rotating key; its policy names services and log groups, never another stack's resource."""

    def __init__(self, scope: Construct, settings: WebApplication) -> None:
        super().__init__(scope, "keys", settings=settings, description="Web application: encryption key")
        adopted = settings.adopt.key
        self.key = self._adopted(adopted) if adopted else self._new()
        self.tell("KeyArn", self.key.key_arn, "Encrypts database, sessions, objects, logs, notices and backups")

    def _adopted(self, arn: str) -> kms.IKey:
        """Return a retained key, whose policy admits this environment already, and give it its alias again."""
        key = kms.Key.from_key_arn(self, "AdoptedKey", arn)
        alias = kms.Alias(self, "Alias", alias_name=f"alias/{self.names.of('kms-key')}", target_key=key)
        alias.apply_removal_policy(self.leftover)
        return key

    def _new(self) -> kms.IKey:
        names = self.names
        functions = (
            names.vault_emptier,
            names.bucket_emptier("storage-bucket"),
            names.bucket_emptier("log-bucket"),
            names.rotation,
        )
        groups = [
            names.container_log,
            names.insights_log,
            names.database_log,
            *(log_group_name(function) for function in functions),
        ]
        return CustomerKey(
            self,
            "Key",
            alias=names.of("kms-key"),
            statements=[
                alarms_may_use(self),
                database_events_may_use(self),
                backup_may_use(self),
                logs_may_use(self, groups),
            ],
            removal=self.data_removal,
            alias_removal=self.leftover,
        ).key
