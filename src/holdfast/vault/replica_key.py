"""Custom resource that tells the primary stack the ARN of the other region's key.

CloudFormation cannot read another region's output. The replica stack leaves the ARN in one SSM parameter of its own
region; this reads it, so that every policy of the primary stack names the key and no wildcard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.errors import NotFound
from holdfast.vault.custom_resource import answer
from holdfast.vault.services import services


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Answer CloudFormation with `KeyArn`; a deletion changes nothing."""
    answer(event, event["ResourceProperties"]["Parameter"], lambda given: find(given, services().clients))


def find(properties: Mapping[str, Any], clients: Clients) -> dict[str, str]:
    """Return the ARN that the replica stack left.

    Raises:
        NotFound: it left none.
    """
    region, parameter = properties["Region"], properties["Parameter"]
    try:
        with aws_errors(f"SSM GetParameter of {parameter} in {region}"):
            found = clients("ssm", region).get_parameter(Name=parameter)
    except NotFound as error:
        raise NotFound(f"no parameter {parameter} in {region}; deploy the replica stack first") from error
    return {"KeyArn": found["Parameter"]["Value"]}
