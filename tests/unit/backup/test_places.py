"""A worker process asks where chunks are."""

from __future__ import annotations

from typing import Any

from holdfast.backup.ids import ChunkId, PackId, Place
from holdfast.backup.places import AskedPlaces, answer_places
from holdfast.backup.workers import Ask
from tests.support.chunks import snapshot
from tests.support.repositories import any_repository

A, B, C = (ChunkId(bytes([number]) * 32) for number in range(3))
HERE, THERE = Place(PackId("1" * 64), 3), Place(PackId("2" * 64), 0)


class Scripted(Ask):
    """Answers without another process, and notes what it is asked."""

    def __init__(self, answers: dict[ChunkId, Place]) -> None:
        self.answers = answers
        self.questions: list[Any] = []

    def __call__(self, question: Any) -> Any:
        self.questions.append(question)
        return [self.answers.get(chunk) for chunk in question]


def asked(answers: dict[ChunkId, Place]) -> tuple[AskedPlaces, list[Any]]:
    ask = Scripted(answers)
    return AskedPlaces(ask, any_repository().index), ask.questions


def test_what_the_index_has_no_place_for_is_left_out() -> None:
    places, questions = asked({A: HERE, C: THERE})
    assert places.named([A, B, C]) == {A: HERE, C: THERE}
    assert questions == [[A, B, C]]


def test_an_answer_is_what_the_index_says() -> None:
    repository = any_repository()
    snapshot(repository, {"file": b"content"})
    pack = next(row.pack for row in repository.index.packs() if row.kind == "data")
    chunk = repository.keyring.chunk_id(b"content")
    assert answer_places(repository.index, [A, chunk]) == [None, Place(pack, 0)]
