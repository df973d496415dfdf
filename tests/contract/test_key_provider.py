"""What every way to wrap a master key promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from holdfast.backup.argon2id import PasswordCost
from holdfast.backup.ids import RepositoryId
from holdfast.backup.key_file import FileKey
from holdfast.backup.key_slots import PasswordKey
from holdfast.backup.ports import KeyProvider
from holdfast.errors import WrongKey

MASTER = bytes(range(32))
HERE, ELSEWHERE = RepositoryId("a" * 32), RepositoryId("b" * 32)
CHEAP = PasswordCost(memory_kib=64, passes=1, lanes=1)


@dataclass(frozen=True)
class Providers:
    """The provider, another key of its kind, and how to make it again."""

    right: KeyProvider
    wrong: KeyProvider
    again: Callable[[], KeyProvider]


def password_keys(request: pytest.FixtureRequest) -> Providers:
    return Providers(
        PasswordKey("correct horse", cost=CHEAP),
        PasswordKey("correct horsf", cost=CHEAP),
        lambda: PasswordKey("correct horse", cost=CHEAP),
    )


def file_keys(request: pytest.FixtureRequest) -> Providers:
    first, second = bytes(range(32)), bytes(range(31)) + b"\0"
    return Providers(FileKey(first), FileKey(second), lambda: FileKey(first))


def kms_keys(request: pytest.FixtureRequest) -> Providers:
    kms = pytest.importorskip("holdfast.backup.stores.aws.kms_key")
    aws = request.getfixturevalue("aws")
    client = aws.client("kms", "us-east-1")
    first, second = (client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))

    def key(arn: str) -> KeyProvider:
        provider: KeyProvider = kms.KmsKey(arn, lambda region: aws.client("kms", region))
        return provider

    return Providers(key(first), key(second), lambda: key(first))


@pytest.fixture(
    params=[
        pytest.param(password_keys, id="password"),
        pytest.param(file_keys, id="key file"),
        pytest.param(kms_keys, id="kms", marks=pytest.mark.emulator),
    ]
)
def providers(request: pytest.FixtureRequest) -> Providers:
    made: Providers = request.param(request)
    return made


def test_what_was_wrapped_is_unwrapped_from_its_json(providers: Providers) -> None:
    slot = json.loads(json.dumps(providers.right.wrap(MASTER, HERE)))
    assert isinstance(slot["kind"], str)
    assert providers.again().unwrap(slot, HERE) == MASTER


def test_a_slot_does_not_show_the_master_key(providers: Providers) -> None:
    shown = json.dumps(providers.right.wrap(MASTER, HERE))
    assert MASTER.hex() not in shown
    assert "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" not in shown


def test_another_key_does_not_open_it(providers: Providers) -> None:
    slot = providers.right.wrap(MASTER, HERE)
    opened: bytes | None = None
    with suppress(WrongKey):
        opened = providers.wrong.unwrap(slot, HERE)
    assert opened is None


def test_a_slot_of_another_repository_does_not_open(providers: Providers) -> None:
    slot = providers.right.wrap(MASTER, HERE)
    with pytest.raises(WrongKey):
        providers.right.unwrap(slot, ELSEWHERE)


def test_a_slot_of_another_kind_is_not_served(providers: Providers) -> None:
    assert providers.right.unwrap({"kind": "sealed in wax"}, HERE) is None


def test_wrapping_twice_shows_nothing_in_common(providers: Providers) -> None:
    first, second = (providers.right.wrap(MASTER, HERE) for _ in range(2))
    assert first["wrapped"] != second["wrapped"]
