"""Answers to CloudFormation."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Mapping
from typing import Any

import pytest

from holdfast.errors import NotFound
from holdfast.vault import custom_resource
from holdfast.vault.custom_resource import answer

EVENT = {
    "StackId": "stack",
    "RequestId": "request",
    "LogicalResourceId": "Repository",
    "ResponseURL": "https://answers.example/x",
    "ResourceProperties": {"Bucket": "b"},
}


def ask(kind: str, work: Any) -> dict[str, Any]:
    sent: list[tuple[str, bytes]] = []
    answer({**EVENT, "RequestType": kind}, "s3://b/", work, send=lambda url, body: sent.append((url, body)))
    ((url, body),) = sent
    assert url == EVENT["ResponseURL"]
    reply: dict[str, Any] = json.loads(body)
    assert reply["PhysicalResourceId"] == "s3://b/"
    return reply


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_work_is_done_and_its_data_answered(kind: str) -> None:
    def work(properties: Mapping[str, Any]) -> Mapping[str, str]:
        return {"Got": properties["Bucket"]}

    assert ask(kind, work)["Data"] == {"Got": "b"}


def test_a_deletion_does_nothing_and_succeeds() -> None:
    def work(_: Mapping[str, Any]) -> Mapping[str, str]:
        raise AssertionError("nothing is to be deleted")

    assert ask("Delete", work)["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("error", "reason"), [(NotFound("no such bucket"), "no such bucket"), (KeyError("x"), "KeyError: 'x'")]
)
def test_every_failure_is_an_answer(error: Exception, reason: str) -> None:
    def work(_: Mapping[str, Any]) -> Mapping[str, str]:
        raise error

    reply = ask("Create", work)
    assert (reply["Status"], reply["Reason"]) == ("FAILED", reason)


def test_a_reason_stays_within_what_cloudformation_takes() -> None:
    def work(_: Mapping[str, Any]) -> Mapping[str, str]:
        raise NotFound("x" * 9000)

    assert len(json.dumps(ask("Create", work))) < 4096


def test_an_answer_is_sent_again_until_the_network_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    class Answered:
        def __enter__(self) -> Answered:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self) -> bytes:
            return b""

    def urlopen(request: Any, timeout: float) -> Answered:
        tries.append(request.get_method())
        if len(tries) < 3:
            raise urllib.error.URLError("no route")
        return Answered()

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    waited: list[float] = []
    custom_resource.put("https://answers.example/x", b"{}", sleep=waited.append)
    assert tries == ["PUT"] * 3
    assert waited == [1, 2]


def test_an_answer_that_cannot_be_sent_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def urlopen(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    with pytest.raises(urllib.error.URLError):
        custom_resource.put("https://answers.example/x", b"{}", sleep=lambda _: None)
