"""AWS Backup of the cluster and the session table."""

from __future__ import annotations

from constructs import Construct

from holdfast.platforms.constructs.backup_notices import BackupNotices
from holdfast.platforms.constructs.backup_plan import BackupNames, BackupPlan, BackupShape
from holdfast.platforms.constructs.emptied_vault import EmptiedVault
from holdfast.platforms.web_application.claims import tags_of
from holdfast.platforms.web_application.database import ClusterStack
from holdfast.platforms.web_application.monitoring import MonitoringStack
from holdfast.platforms.web_application.stack import ComponentStack
from holdfast.platforms.web_application.storage import StorageStack
from holdfast.settings.web_application import WebApplication


class BackupStack(ComponentStack):
    """Deployed last: it tells the topic. In a destroyable environment its recovery points go with it."""

    def __init__(
        self,
        scope: Construct,
        settings: WebApplication,
        *,
        storage: StorageStack,
        database: ClusterStack,
        monitoring: MonitoringStack,
    ) -> None:
        super().__init__(scope, "backup", settings=settings, description="Web application: backup vault and plan")
        names, backup = self.names, settings.backup
        self.plan = BackupPlan(
            self,
            "Backup",
            names=BackupNames(
                vault=names.vault,
                plan=names.of("backup-plan"),
                rule=names.of("daily"),
                selection=names.of("backup-selection"),
                role=names.of("backup-role"),
            ),
            shape=BackupShape(
                schedule=backup.schedule,
                keep_days=backup.days,
                start_minutes=backup.start_minutes,
                completion_minutes=backup.completion_minutes,
                copy_to=backup.copy_to,
                point_tags={**tags_of(settings), "Purpose": "Backup"},
            ),
            key=database.key,
            resources=[database.cluster.cluster.cluster_arn, storage.sessions.table_arn],
            removal=self.data_removal,
        )
        BackupNotices(self, "Notices", vault=self.plan.vault, topic=monitoring.topic)
        if self.destroyable:
            EmptiedVault(self, "Emptied", plan=self.plan, name=names.vault_emptier, log_key=database.key)
        self.tell("BackupVaultName", self.plan.vault.ref, "Recovery points of cluster and table")
        self.tell("BackupPlanId", self.plan.plan.ref, "The daily plan")
        self.tell("BackupRoleArn", self.plan.role.role_arn, "Role to restore with")
