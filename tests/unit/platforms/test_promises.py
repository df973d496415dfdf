from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from holdfast.errors import InvalidRequest
from holdfast.platforms.backup_system.figures import QUEUE_VISIBILITY, WORKER_TIMEOUT
from holdfast.platforms.backup_system.promises import drain_bound
from holdfast.platforms.promises import Promise, promises_of, refuse_what_cannot_be_kept
from holdfast.platforms.registry import PLATFORMS, entry_of
from holdfast.settings.backup_vault import BackupVault

PRIMARY = {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "backup-primary-dev"}}}}


def vault(**changes: Any) -> BackupVault:
    return BackupVault.model_validate(changes)


def promise(name: str, settings: BackupVault, *templates: dict[str, Any]) -> Promise:
    return next(one for one in promises_of(settings, templates) if one.name == name)


def replica(**properties: Any) -> dict[str, Any]:
    bucket = {"BucketName": "backup-replication-dev", **properties}
    return {"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": bucket}}}


def test_defaults_break_no_promise_and_measure_only_the_rto() -> None:
    found = promises_of(vault(), [PRIMARY, replica()])
    assert {one.name: (one.evidence, one.met) for one in found} == {
        "rpo": ("derived", True),
        "rto": ("unproven", None),
        "retention": ("derived", True),
        "availability": ("derived", True),
        "users": ("derived", True),
    }


def test_rpo_is_gap_plus_queue_plus_replication() -> None:
    found = promise("rpo", vault())
    assert found.value == "16h 25m"
    assert found.sum == (
        "12h longest gap between runs + 4h 10m queue (1000 users, 10 at a time, 2m 30s for 1; beyond it an alarm rings)"
        " + 15m replication (S3 RTC, 99.99 % of objects) = 16h 25m"
    )


def test_one_run_a_day_cannot_keep_an_rpo_of_a_day() -> None:
    settings = vault(vault={"interim_schedule": None})
    assert promise("rpo", settings).met is False
    with pytest.raises(InvalidRequest, match=r"promises\.rpo is 24h but these settings give 28h 25m: 24h longest gap"):
        refuse_what_cannot_be_kept(settings)


def test_more_workers_at_a_time_shorten_the_rpo() -> None:
    assert promise("rpo", vault(vault={"max_concurrent_backups": 100})).value == "12h 40m"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"replication_time_control": False}, "without S3 RTC no time of replication is published"),
        ({"schedule": "cron(0 2 L * ? *)", "interim_schedule": None}, "longest gap cannot be computed"),
    ],
)
def test_rpo_without_a_published_term_is_unproven_and_not_refused(changes: dict[str, Any], reason: str) -> None:
    settings = vault(vault=changes)
    found = promise("rpo", settings)
    assert (found.evidence, found.met) == ("unproven", None)
    assert reason in found.sum
    refuse_what_cannot_be_kept(settings)


def test_queue_drains_in_rounds_of_whole_workers() -> None:
    settings = vault(promises={"users": 101}, vault={"max_concurrent_backups": 10, "batch_size": 1})
    assert drain_bound(settings) == 11 * WORKER_TIMEOUT
    settings = vault(promises={"users": 101}, vault={"max_concurrent_backups": 10, "batch_size": 10})
    assert drain_bound(settings) == 2 * WORKER_TIMEOUT


def test_worker_ends_well_before_its_message_is_handed_out_again() -> None:
    assert timedelta(seconds=150) == WORKER_TIMEOUT == QUEUE_VISIBILITY / 6


def test_users_beyond_the_room_between_two_runs_are_refused() -> None:
    settings = vault(promises={"users": 5000, "rpo": "90d"})
    found = promise("users", settings)
    assert (found.value, found.met) == ("2880", False)
    with pytest.raises(InvalidRequest, match=r"promises\.users is 5000 but these settings give 2880: 12h between runs"):
        refuse_what_cannot_be_kept(settings)


@pytest.mark.parametrize(("idle", "value"), [("30d", "99.9899802%"), (None, "99.999898%")])
def test_availability_is_two_regions_at_the_published_commitments(idle: str | None, value: str) -> None:
    found = promise("availability", vault(vault={"infrequent_access_after": idle}))
    assert (found.value, found.met) == (value, True)


def test_availability_nobody_commits_to_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"promises\.availability is 99\.999% but these settings give 99\.98"):
        refuse_what_cannot_be_kept(vault(promises={"availability": "99.999%"}))


def test_retention_needs_the_templates() -> None:
    assert promise("retention", vault()).evidence == "unproven"
    assert promise("retention", vault(), PRIMARY, replica()).value == "60d"


@pytest.mark.parametrize(
    "rule",
    [
        {"ExpirationInDays": 60},
        {"Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 45}]},
        {"NoncurrentVersionTransitions": [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 45}]},
    ],
)
def test_retention_is_broken_by_a_rule_that_expires_or_archives_in_either_region(rule: dict[str, Any]) -> None:
    found = promise("retention", vault(), PRIMARY, replica(LifecycleConfiguration={"Rules": [rule]}))
    assert (found.evidence, found.met) == ("derived", False)


def test_retention_is_broken_by_a_missing_replica() -> None:
    assert promise("retention", vault(), PRIMARY).met is False


def test_unknown_platform_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidRequest, match="platform 'backup-volt' does not exist; did you mean backup-vault"):
        entry_of("backup-volt")


@pytest.mark.parametrize("name", PLATFORMS)
def test_listing_and_promising_need_no_cdk(name: str) -> None:
    code = (
        "import sys; from holdfast.platforms.registry import entry_of; from holdfast.settings.load import defaults; "
        f"from holdfast.platforms.promises import promises_of; assert promises_of(defaults({name!r}), ()); "
        "sys.exit('aws_cdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_platform_has_its_settings() -> None:
    from holdfast.settings.load import MODELS

    assert set(PLATFORMS) == set(MODELS)
