"""The first region: users' files in, deduplicated backups out, watched and audited."""

from __future__ import annotations

from aws_cdk import CustomResource
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from holdfast.platforms.backup_system import functions as parts
from holdfast.platforms.backup_system.dashboard import build_dashboard
from holdfast.platforms.backup_system.emptying import empty_on_deletion
from holdfast.platforms.backup_system.figures import QUEUE_VISIBILITY, RESTORED_DAYS
from holdfast.platforms.backup_system.form import Form
from holdfast.platforms.backup_system.grants import Things
from holdfast.platforms.backup_system.names import (
    ACCESS_LOG_PREFIX,
    REPLICATION_RULE,
    REPOSITORY_PREFIX,
    ROLES_OF_FUNCTIONS,
)
from holdfast.platforms.backup_system.network import function_seat
from holdfast.platforms.backup_system.outputs import build_outputs
from holdfast.platforms.backup_system.stack import BackupStack
from holdfast.platforms.backup_system.watch import watch
from holdfast.platforms.constructs.bucket import SecureBucket
from holdfast.platforms.constructs.function import FunctionShape, PythonFunction, allow, log_group_name
from holdfast.platforms.constructs.key import (
    CustomerKey,
    accounts_may_use_through_s3,
    alarms_may_use,
    logs_may_use,
    rules_may_use,
    trail_may_use,
)
from holdfast.platforms.constructs.queue import DeadLetterQueue, WorkQueue
from holdfast.platforms.constructs.replication import ReplicationRole, replicate_everything
from holdfast.platforms.constructs.schedule import Timetable
from holdfast.platforms.constructs.table import ProtectedTable, number_attribute, text_attribute
from holdfast.platforms.constructs.topic import NoticeTopic
from holdfast.platforms.constructs.trail import AuditTrail, trail_arn
from holdfast.settings import variables as var
from holdfast.settings.quantities import days_of


class PrimaryStack(BackupStack):
    """Deployed after the replica stack. `code` is the functions' bundle."""

    def __init__(self, scope: Construct, form: Form, code: lambda_.Code) -> None:
        settings = form.settings
        super().__init__(
            scope,
            form,
            name=form.stack,
            region=settings.region,
            purpose="backups, their schedule, their guards",
        )
        self.key = self._key()
        self.shape = FunctionShape(
            code=code,
            architecture=lambda_.Architecture.ARM_64
            if settings.engine.architecture == "arm64"
            else lambda_.Architecture.X86_64,
            key=self.key,
        )
        self._queues()
        self._tables()
        self._buckets()
        self._replicate()
        self._functions()
        self._schedule()
        self._audit()
        self.accept_destruction("BAK006", "IAM003")
        if form.emptied:
            writers = [self.trail.trail, self.jobs, *(one.rule for one in self.timetables)]
            empty_on_deletion(self, writers=writers)
        watch(self)
        build_dashboard(self)
        build_outputs(self)

    def _key(self) -> kms.IKey:
        names, adopted = self.names, self.settings.engine.adopt.primary_key
        if adopted:
            return kms.Key.from_key_arn(self, "AdoptedKey", adopted)
        roles = [*ROLES_OF_FUNCTIONS, *(["empty"] if self.form.emptied else [])]
        log_groups = [log_group_name(names.function(role)) for role in roles]
        return CustomerKey(
            self,
            "PrimaryKey",
            alias=names.primary_key_alias,
            statements=[
                alarms_may_use(self),
                *trail_may_use(self, trail_arn(self, names.trail)),
                rules_may_use([names.rule_arn(kind) for kind in self.form.schedules]),
                logs_may_use(self, log_groups),
                *accounts_may_use_through_s3(self, self.form.trusted_accounts),
            ],
            removal=self.removal,
        ).key

    def _queues(self) -> None:
        names = self.names
        self.topic = NoticeTopic(
            self,
            "Notices",
            name=names.topic,
            display_name="Backup System Notifications",
            key=self.key,
            emails=self.settings.alerts,
        ).topic
        self.dead_letters = DeadLetterQueue(self, "DeadLetters", name=names.queue("dead-letters"), key=self.key).queue
        # Events are not jobs: what a rule could not deliver must not be replayed into the backup queue.
        self.lost_events = DeadLetterQueue(self, "LostEvents", name=names.queue("lost-events"), key=self.key).queue
        self.queue = WorkQueue(
            self,
            "BackupQueue",
            name=names.queue("queue"),
            key=self.key,
            dead_letters=self.dead_letters,
            visibility_seconds=round(QUEUE_VISIBILITY.total_seconds()),
            retention_days=self.form.queue_days,
        ).queue

    def _tables(self) -> None:
        metadata = ProtectedTable(
            self,
            "Metadata",
            name=self.names.metadata_table,
            partition_key="backupId",
            sort_key="timestamp",
            key=self.key,
            removal=self.removal,
            deletion_protection=self.settings.protected,
            stream=self.form.stream,
        )
        metadata.add_index("StatusIndex", text_attribute("status"), text_attribute("timestamp"))
        metadata.add_index("UserIndex", text_attribute("userId"), text_attribute("timestamp"))
        deduplication = ProtectedTable(
            self,
            "Deduplication",
            name=self.names.deduplication_table,
            partition_key=self.form.deduplication_key,
            key=self.key,
            removal=self.removal,
            deletion_protection=self.settings.protected,
            ttl=self.form.deduplication_ttl,
        )
        deduplication.add_index("SizeIndex", number_attribute("fileSize"), text_attribute(self.form.deduplication_key))
        self.metadata, self.deduplication = metadata.table, deduplication.table

    def _buckets(self) -> None:
        names, settings = self.names, self.settings
        audit_days, deleted_days = days_of(settings.engine.audit_retention), days_of(settings.engine.keep_deleted)
        self.access_logs = SecureBucket(
            self,
            "AccessLogs",
            name=names.access_log_bucket,
            key=None,
            removal=self.removal,
            lifecycle=self.expiring_lifecycle("access-log-retention", audit_days, noncurrent_days=deleted_days),
        )
        self.primary = SecureBucket(
            self,
            "PrimaryBucket",
            name=names.primary_bucket,
            key=self.key,
            removal=self.removal,
            lifecycle=self.form.lifecycle,
            lock=self.form.lock,
        )
        primary_arn = names.bucket_arn(names.primary_bucket)
        self.primary.log_to(self.access_logs, prefix=ACCESS_LOG_PREFIX, source_arn=primary_arn, account=self.account)
        self.primary.demand_new_names(REPOSITORY_PREFIX)
        self.primary.let_accounts_read(self.form.trusted_accounts, REPOSITORY_PREFIX)
        self.audit = SecureBucket(
            self,
            "AuditTrailBucket",
            name=names.audit_bucket,
            key=self.key,
            removal=self.removal,
            lifecycle=self.expiring_lifecycle("audit-retention", audit_days, noncurrent_days=deleted_days),
            lock=self.form.lock,
            data_key_per_bucket=False,
        )
        self.restored = SecureBucket(
            self,
            "RestoreBucket",
            name=names.restore_bucket,
            key=self.key,
            removal=self.removal,
            lifecycle=self.expiring_lifecycle("staging", RESTORED_DAYS, noncurrent_days=1),
        )
        self.buckets = [self.primary, self.access_logs, self.audit, self.restored, *self._source()]

    def _source(self) -> list[SecureBucket]:
        """Return the bucket of the users' files, if it is ours."""
        if self.settings.engine.source_bucket:
            return []
        name = self.names.source_bucket
        return [SecureBucket(self, "SourceBucket", name=name, key=self.key, removal=self.removal, lifecycle=[])]

    def _replicate(self) -> None:
        """Replicate the primary bucket."""
        names, settings = self.names, self.settings
        self.replica_key_arn = self._find_replica_key()
        role = ReplicationRole(
            self,
            "Replication",
            source_arn=names.bucket_arn(names.primary_bucket),
            source_key_arn=self.key.key_arn,
            source_region=settings.region,
            replica_arn=names.bucket_arn(names.replica_bucket),
            replica_key_arn=self.replica_key_arn,
            replica_region=settings.replica_region,
        ).role
        replicate_everything(
            self.primary.resource,
            rule_id=REPLICATION_RULE,
            role_arn=role.role_arn,
            replica_arn=names.bucket_arn(names.replica_bucket),
            replica_key_arn=self.replica_key_arn,
            time_control=settings.engine.replication_time_control,
        )

    def _find_replica_key(self) -> str:
        """Return the ARN of the other region's key, known once the stack is deployed."""
        names, settings = self.names, self.settings
        finder = PythonFunction(
            self,
            "FindReplicaKey",
            shape=self.shape,
            name=names.function("replica-key"),
            handler="holdfast.vault.replica_key.handler",
            description="Reads the ARN of the replication key from the second region",
            timeout_seconds=60,
            memory_mb=256,
            environment={},
            statements=[allow("ReadParameter", ["ssm:GetParameter"], [names.replica_key_parameter_arn])],
        )
        found = CustomResource(
            self,
            "ReplicaKey",
            service_token=finder.function.function_arn,
            resource_type="Custom::ReplicaKey",
            properties={
                "Region": settings.replica_region,
                "Parameter": names.replica_key_parameter,
                # Another key to adopt must be looked up again.
                "Adopted": settings.engine.adopt.replica_key or "",
            },
        )
        return found.get_att_string("KeyArn")

    def _functions(self) -> None:
        builder = parts.Functions(
            self,
            names=self.names,
            shape=self.shape,
            things=self._things(),
            values=self._values(),
            seat=function_seat(self) if self.form.private_network else None,
        )
        self.initiator = builder.build(parts.INITIATOR)
        self.initiator.retry_events(attempts=2, dead_letters=self.lost_events)
        self.worker = builder.build(parts.WORKER)
        engine = self.settings.engine
        self.jobs = self.worker.take(
            self.queue, batch_size=engine.batch_size, max_concurrency=engine.max_concurrent_backups
        )
        self.restore, self.verify = builder.build(parts.RESTORE), builder.build(parts.VERIFY)
        self.prune = builder.build(parts.PRUNE)
        create = builder.build(parts.CREATE)
        repository = CustomResource(
            self,
            "Repository",
            service_token=create.function.function_arn,
            resource_type="Custom::BackupRepository",
            properties={
                "Bucket": self.primary.bucket.bucket_name,
                "Prefix": REPOSITORY_PREFIX,
                "KeyArn": self.key.key_arn,
                "ReplicaKeyArn": self.replica_key_arn,
            },
        )
        policy = self.primary.bucket.policy
        assert policy is not None
        repository.node.add_dependency(policy, self.metadata, self.deduplication)

    def _things(self) -> Things:
        names, engine = self.names, self.settings.engine
        users = engine.users_table
        return Things(
            primary_bucket=self.primary.bucket.bucket_arn,
            source_bucket=names.bucket_arn(names.source_bucket),
            source_prefix=engine.source_prefix,
            restore_bucket=self.restored.bucket.bucket_arn,
            metadata_table=self.metadata.table_arn,
            deduplication_table=self.deduplication.table_arn,
            users_table=self.format_arn(service="dynamodb", resource="table", resource_name=users) if users else None,
            key=self.key.key_arn,
            source_key=engine.source_key,
            replica_key=self.replica_key_arn,
            queue=self.queue.queue_arn,
            lost_events=self.lost_events.queue_arn,
            topic=self.topic.topic_arn,
        )

    def _values(self) -> dict[str, str]:
        settings, engine = self.settings, self.settings.engine
        values = {
            var.BACKUP_QUEUE_URL: self.queue.queue_url,
            var.METADATA_TABLE: self.metadata.table_name,
            var.DEDUPLICATION_TABLE: self.deduplication.table_name,
            var.NOTIFICATION_TOPIC_ARN: self.topic.topic_arn,
            var.MAX_CONCURRENT_BACKUPS: str(engine.max_concurrent_backups),
            var.REPOSITORY_BUCKET: self.primary.bucket.bucket_name,
            var.REPOSITORY_PREFIX: REPOSITORY_PREFIX,
            var.KEY_ARN: self.key.key_arn,
            var.REPLICA_KEY_ARN: self.replica_key_arn,
            var.REPLICA_REGION: settings.replica_region,
            var.SOURCE_BUCKET: self.names.source_bucket,
            var.SOURCE_PREFIX: engine.source_prefix,
            var.PRIORITY_USERS: str(engine.priority_users),
            var.RETENTION_DAYS: str(days_of(settings.promises.retention)),
            var.RESTORE_BUCKET: self.restored.bucket.bucket_name,
            var.METRIC_NAMESPACE: self.names.metric_namespace,
        }
        # Its absence means the engine's own name, and a vault has none.
        if self.form.deduplication_key != var.USUAL_DEDUPLICATION_KEY:
            values[var.DEDUPLICATION_KEY] = self.form.deduplication_key
        return values | ({var.USERS_TABLE: engine.users_table} if engine.users_table else {})

    def _schedule(self) -> None:
        function = {"prune": self.prune, "verify": self.verify}
        description = {
            "daily": "Every user is backed up",
            "interim": "A second run, which keeps the longest gap within the promised RPO",
            "prune": "Old snapshots are forgotten and what nothing refers to is reclaimed",
            "verify": "A sample is restored and compared",
        }
        self.timetables = [
            Timetable(
                self,
                f"{kind.capitalize()}Schedule",
                name=self.names.rule(kind),
                description=description[kind],
                expression=expression,
                function=function.get(kind, self.initiator).function,
                dead_letters=self.lost_events,
            )
            for kind, expression in self.form.schedules.items()
        ]

    def _audit(self) -> None:
        names = self.names
        buckets = [names.bucket_arn(names.primary_bucket), names.bucket_arn(names.replica_bucket)]
        self.trail = AuditTrail(
            self,
            "AuditTrail",
            name=names.trail,
            bucket=self.audit,
            key_arn=self.key.key_arn,
            data_arns=[f"{one}/{REPOSITORY_PREFIX}" for one in buckets],
        )
