from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.platforms.inline import empty_vault

EVENT = {
    "RequestType": "Delete",
    "ResponseURL": "https://answer.invalid/1",
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "Emptied",
    "ResourceProperties": {"Vault": "vault-dev"},
}
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)


class Busy(Exception):
    """What AWS Backup says of a point that is still being made."""


class Backup:
    """A vault whose points are DELETING once they were asked to go, and gone at the list after that."""

    exceptions = SimpleNamespace(InvalidResourceStateException=Busy, ResourceNotFoundException=KeyError)

    def __init__(self, *points: str, stuck: bool = False, busy: int = 0) -> None:
        self.points, self.stuck, self.busy = dict.fromkeys(points, "COMPLETED"), stuck, busy
        self.deleted: list[str] = []

    def get_paginator(self, operation: str) -> Backup:
        assert operation == "list_recovery_points_by_backup_vault"
        return self

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        assert asked == {"BackupVaultName": "vault-dev"}
        listed = [{"RecoveryPointArn": one, "Status": status} for one, status in self.points.items()]
        if not self.stuck:
            self.points = {one: status for one, status in self.points.items() if status != "DELETING"}
        return [{"RecoveryPoints": listed[:1]}, {"RecoveryPoints": listed[1:]}]

    def delete_recovery_point(self, **asked: str) -> None:
        assert asked["BackupVaultName"] == "vault-dev"
        if self.busy:
            self.busy -= 1
            raise Busy("the point is being made")
        self.deleted.append(asked["RecoveryPointArn"])
        self.points[asked["RecoveryPointArn"]] = "DELETING"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def answer(request: Any, timeout: int) -> Any:
        found.append(json.loads(request.data))
        return SimpleNamespace(close=lambda: None)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return found


def use(monkeypatch: pytest.MonkeyPatch, backup: Backup) -> None:
    monkeypatch.setattr("boto3.client", lambda service: backup)


def test_deletion_deletes_each_point_once_and_waits_until_none_is_left(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]]
) -> None:
    backup = Backup("point-1", "point-2", "point-3")
    use(monkeypatch, backup)
    empty_vault.handler(EVENT, CONTEXT)
    assert sorted(backup.deleted) == ["point-1", "point-2", "point-3"]
    assert backup.points == {}
    assert [one["Status"] for one in answers] == ["SUCCESS"]
    assert answers[0]["PhysicalResourceId"] == "empty-vault-dev"


def test_a_point_that_is_still_being_made_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]]
) -> None:
    backup = Backup("point-1", busy=2)
    use(monkeypatch, backup)
    empty_vault.handler(EVENT, CONTEXT)
    assert backup.deleted == ["point-1"]
    assert answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_creation_and_update_delete_nothing(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], kind: str
) -> None:
    backup = Backup("point-1")
    use(monkeypatch, backup)
    empty_vault.handler({**EVENT, "RequestType": kind}, CONTEXT)
    assert backup.deleted == []
    assert answers[0]["Status"] == "SUCCESS"


def test_points_that_outlast_the_function_fail_the_deletion_with_their_number(
    monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]]
) -> None:
    use(monkeypatch, Backup("point-1", stuck=True))
    late = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000)
    empty_vault.handler(EVENT, late)
    assert answers[0]["Status"] == "FAILED"
    assert "1 recovery points are still being deleted" in answers[0]["Reason"]


def test_code_fits_into_a_template() -> None:
    assert empty_vault.__file__
    assert Path(empty_vault.__file__).stat().st_size <= 4096
