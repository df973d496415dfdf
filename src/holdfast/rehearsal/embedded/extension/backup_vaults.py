"""Backup selections, and what MiniStack drops of backup vaults: recorded and told back, nothing is backed up."""

from __future__ import annotations

import json
from typing import Any

from ministack.services import backup

from holdfast.rehearsal.embedded.extension.resource_type import Created, Properties, ResourceType, whole
from holdfast.rehearsal.embedded.extension.service_clients import client

POLICY, NOTIFICATIONS, LOCK = "AccessPolicy", "Notifications", "LockConfiguration"


def install() -> None:
    """Let the service tell a vault's policy and notifications."""
    policy, notifications = backup._get_vault_access_policy, backup._get_vault_notifications

    def told_policy(name: str) -> Any:
        given = (backup._vaults.get(name) or {}).get(POLICY)
        arn = {"BackupVaultName": name, "BackupVaultArn": backup._vault_arn(name)}
        return backup._ok({**arn, "Policy": json.dumps(given)}) if given else policy(name)

    def told_notifications(name: str) -> Any:
        given = (backup._vaults.get(name) or {}).get(NOTIFICATIONS)
        arn = {"BackupVaultName": name, "BackupVaultArn": backup._vault_arn(name)}
        return backup._ok({**arn, **given}) if given else notifications(name)

    backup._get_vault_access_policy = told_policy
    backup._get_vault_notifications = told_notifications


def complete_vault(name: str, _old: Properties, new: Properties) -> None:
    """Keep a vault's policy, notifications and lock in its record."""
    record = backup._vaults[name]
    for field in (POLICY, NOTIFICATIONS):
        record[field] = new.get(field)
    lock = whole(new.get(LOCK, {}))
    record.update({field: lock[field] for field in ("MinRetentionDays", "MaxRetentionDays") if field in lock})
    record["Locked"] = bool(lock)


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
