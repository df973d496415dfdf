"""DynamoDB tables that can be recovered to any second."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

TTL_ATTRIBUTE = "expirationTime"


class ProtectedTable(Construct):
    """An on-demand table, encrypted with `key`, with point-in-time recovery and a TTL attribute."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        partition_key: str,
        sort_key: str | None = None,
        key: kms.IKey,
        removal: RemovalPolicy,
        deletion_protection: bool,
        stream: bool = False,
        ttl: str = TTL_ATTRIBUTE,
        contributor_insights: bool = False,
    ) -> None:
        super().__init__(scope, id_)
        self.table = dynamodb.Table(
            self,
            "Table",
            table_name=name,
            partition_key=text_attribute(partition_key),
            sort_key=text_attribute(sort_key) if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=ttl,
            contributor_insights_specification=dynamodb.ContributorInsightsSpecification(enabled=True)
            if contributor_insights
            else None,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
            deletion_protection=deletion_protection,
            removal_policy=removal,
        )

    def add_index(self, name: str, partition_key: dynamodb.Attribute, sort_key: dynamodb.Attribute) -> None:
        """Add a global index that carries every attribute."""
        self.table.add_global_secondary_index(
            index_name=name,
            partition_key=partition_key,
            sort_key=sort_key,
            projection_type=dynamodb.ProjectionType.ALL,
        )


def text_attribute(name: str) -> dynamodb.Attribute:
    """Return a key attribute of type S."""
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def number_attribute(name: str) -> dynamodb.Attribute:
    """Return a key attribute of type N."""
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)
