"""What becomes of a resource when its stack goes."""

from __future__ import annotations

from typing import Literal

from aws_cdk import RemovalPolicy


def data_removal(destroy: bool) -> RemovalPolicy:
    """Return the policy for data, logs and keys: kept, except by the rollback of the very deployment that made them.

    A plain `Retain` also keeps what a failed first deployment made, and fixed names then stop every retry.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    return RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE


def database_removal(removal: Literal["retain", "snapshot", "destroy"] | None, *, protected: bool) -> RemovalPolicy:
    """Return the policy of a cluster: what `removal` says, else a last snapshot if `protected` and nothing if not."""
    chosen = removal or ("snapshot" if protected else "destroy")
    return {
        "retain": RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        "snapshot": RemovalPolicy.SNAPSHOT,
        "destroy": RemovalPolicy.DESTROY,
    }[chosen]


def key_removal(database: RemovalPolicy) -> RemovalPolicy:
    """Return the policy of a database's key: it outlives the cluster or the last snapshot that cannot do without."""
    return data_removal(database is RemovalPolicy.DESTROY)
