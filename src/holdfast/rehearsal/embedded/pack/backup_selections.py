"""Backup selections, through AWS Backup's own API: recorded and told back, nothing is backed up."""

from __future__ import annotations

from holdfast.rehearsal.embedded.pack.resource_type import Created, Properties, ResourceType
from holdfast.rehearsal.embedded.pack.service_clients import client

LISTS = ("Resources", "NotResources", "ListOfTags", "Conditions")


def _create(_name: str, properties: Properties) -> Created:
    given = properties["BackupSelection"]
    selection = {field: given[field] for field in ("SelectionName", "IamRoleArn", *LISTS) if field in given}
    plan = properties["BackupPlanId"]
    answer = client("backup").create_backup_selection(BackupPlanId=plan, BackupSelection=selection)
    identifier: str = answer["SelectionId"]
    return f"{plan}_{identifier}", {"Id": f"{plan}_{identifier}", "SelectionId": identifier, "BackupPlanId": plan}


def _delete(physical_id: str, _properties: Properties) -> None:
    plan, _, identifier = physical_id.rpartition("_")
    client("backup").delete_backup_selection(BackupPlanId=plan, SelectionId=identifier)


TYPES = {"AWS::Backup::BackupSelection": ResourceType(create=_create, delete=_delete)}
