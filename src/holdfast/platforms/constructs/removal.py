"""What becomes of a resource when its stack goes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy


def data_removal(destroy: bool) -> RemovalPolicy:
    """Return the policy for data, logs and keys: kept, except by the rollback of the very deployment that made them.

    A plain `Retain` also keeps what a failed first deployment made, and fixed names then stop every retry.
    Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    return RemovalPolicy.DESTROY if destroy else RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
