"""The custom resource that makes the repository at the first deployment, opened by a key of either region."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from holdfast.backup.keys import add_key, list_keys
from holdfast.backup.ports import Clock
from holdfast.backup.repository import create_repository, open_repository
from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.kms_key import KmsKey
from holdfast.backup.stores.aws.objects import S3Objects
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.errors import Conflict, InvalidRequest
from holdfast.vault.custom_resource import answer
from holdfast.vault.services import services


def handler(event: Mapping[str, Any], _context: object) -> None:
    """Answer CloudFormation with `RepositoryId`; a repository that is there is kept, also by a deletion."""
    vault = services()
    properties = event["ResourceProperties"]
    physical_id = f"s3://{properties.get('Bucket')}/{properties.get('Prefix', '')}"
    answer(event, physical_id, lambda given: ensure_repository(given, vault.clients, vault.clock))


def ensure_repository(properties: Mapping[str, Any], clients: Clients, clock: Clock) -> dict[str, str]:
    """Make the repository if there is none, and a slot for each key that has none; safe to repeat.

    Raises:
        InvalidRequest: a property is missing.
        WrongKey: a repository is there that neither key opens.
    """
    if missing := [name for name in ("Bucket", "KeyArn", "ReplicaKeyArn") if not properties.get(name)]:
        raise InvalidRequest(f"the resource needs the property {missing[0]}")
    prefix = properties.get("Prefix", "").strip("/")
    objects = S3Objects(clients.s3(), properties["Bucket"], f"{prefix}/" if prefix else "")
    keys = {arn: KmsKey(arn, clients.kms) for arn in (properties["KeyArn"], properties["ReplicaKeyArn"])}
    with suppress(Conflict):  # it is there, or was made at the same time
        create_repository(objects, list(keys.values()), clock=clock)
    catalogue = MemoryCatalogue()  # opening asks for objects alone
    repository = open_repository(objects, catalogue, catalogue, list(keys.values()), clock=clock)
    slotted = {slot.get("key") for slot in list_keys(objects)}
    for arn, key in keys.items():
        if arn not in slotted:
            add_key(objects, list(keys.values()), key)
    return {"RepositoryId": repository.id}
