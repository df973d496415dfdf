"""What a function is told by its environment."""

from __future__ import annotations

import pytest

from holdfast.errors import InvalidRequest
from holdfast.vault.environment import Environment


def test_a_missing_variable_is_named_when_it_is_asked_for() -> None:
    environment = Environment({})
    with pytest.raises(InvalidRequest, match="BACKUP_QUEUE_URL is not set"):
        _ = environment.queue_url


@pytest.mark.parametrize("text", ["", "0", "ten", "-1", "1.5", "१"])
def test_a_number_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="MAX_CONCURRENT_BACKUPS"):
        _ = Environment({"MAX_CONCURRENT_BACKUPS": text}).max_concurrent_backups


def test_no_priority_users_is_a_choice() -> None:
    assert Environment({"HOLDFAST_PRIORITY_USERS": "0"}).priority_users == 0


@pytest.mark.parametrize(
    ("prefix", "folder"), [("users", "users/"), ("/users/", "users/"), ("a/b", "a/b/"), ("", ""), ("/", "")]
)
def test_prefixes_end_in_a_slash(prefix: str, folder: str) -> None:
    assert Environment({"HOLDFAST_SOURCE_PREFIX": prefix}).source_prefix == folder


def test_no_users_table_means_the_folders() -> None:
    assert Environment({"HOLDFAST_USERS_TABLE": ""}).users_table is None
    assert Environment({"HOLDFAST_USERS_TABLE": "t"}).users_table == "t"
