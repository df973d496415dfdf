"""The key that encrypts everything of the platform at rest."""

from __future__ import annotations

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
        self.key = CustomerKey(
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
        ).key
        self.tell("KeyArn", self.key.key_arn, "Encrypts database, sessions, objects, logs, notices and backups")
