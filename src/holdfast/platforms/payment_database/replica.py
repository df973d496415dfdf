"""The second region: a vault for copies of recovery points, with a key of its own."""

from __future__ import annotations

from aws_cdk import aws_backup as backup
from constructs import Construct

from holdfast.platforms.constructs.key import CustomerKey
from holdfast.platforms.constructs.removal import data_removal
from holdfast.platforms.database_stack import DatabaseStack
from holdfast.platforms.payment_database.names import Names
from holdfast.settings.payment_database import PaymentDatabase


class ReplicaStack(DatabaseStack):
    """Deployed first; nothing in it refers to the first region, whose loss it is there for."""

    def __init__(self, scope: Construct, settings: PaymentDatabase) -> None:
        super().__init__(
            scope,
            settings=settings,
            zones=1,
            description="Copies of the payment database's recovery points",
            region=settings.replica_region,
            part="replica",
        )
        names = Names(suffix=settings.environment)
        removal = data_removal(self.destroyable)
        key = CustomerKey(
            self, "Key", alias=names.of("copies-key"), statements=[], removal=removal, alias_removal=self.leftover
        ).key
        self.vault = backup.CfnBackupVault(
            self, "Vault", backup_vault_name=names.of("copies"), encryption_key_arn=key.key_arn
        )
        self.vault.apply_removal_policy(removal)
        self.tell("CopyVaultName", self.vault.ref, "Vault with the copies of recovery points")
