from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from holdfast.errors import InvalidRequest
from holdfast.rehearsal.corpus import Action, Corpus, Document, Edit, OnDisk, Place, change, from_directory, generate
from holdfast.rehearsal.corpus_content import CONTENT, Kind


def small(users: int = 20) -> Corpus:
    return generate(users, files_per_user=8, seed="test")


def contents(corpus: Corpus) -> dict[tuple[str, str], bytes]:
    return {(user, path): document.content() for user, files in corpus.items() for path, document in files.items()}


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert contents(small()) == contents(small())
    assert contents(small()) != contents(generate(20, files_per_user=8, seed="other"))


def test_users_are_named_as_the_platform_requires_and_none_is_empty() -> None:
    corpus = small(3)
    assert list(corpus) == ["user-0001", "user-0002", "user-0003"]
    assert all(corpus.values())


def test_colleagues_share_files_but_not_all_of_them() -> None:
    held = contents(small(200))
    distinct = set(held.values())
    assert 0.4 < len(distinct) / len(held) < 0.8


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("size", [16, 1000, 50_000])
def test_generated_content_has_the_size_asked_for(kind: Kind, size: int) -> None:
    assert len(CONTENT[kind](random.Random(1), size)) == size


def test_names_are_beyond_ascii_and_hold_what_urls_and_html_reserve() -> None:
    names = "".join(path for files in small(60).values() for path in files)
    assert not names.isascii()
    assert set("&#%+' ") <= set(names)


def test_change_touches_the_share_asked_for_in_every_way() -> None:
    corpus = generate(200, files_per_user=8, seed="test")
    files = sum(map(len, corpus.values()))
    after, changes = change(corpus, 5, seed="day 2")
    assert len(changes) == round(files * 0.05)
    assert {made.action for made in changes} == set(Action)
    before_bytes, after_bytes = contents(corpus), contents(after)
    touched = {(made.user, path) for made in changes for path in (made.path, made.old_path) if path}
    assert {
        key for key in before_bytes.keys() | after_bytes.keys() if before_bytes.get(key) != after_bytes.get(key)
    } == touched


def test_change_leaves_the_corpus_it_was_given_alone_and_repeats_by_seed() -> None:
    corpus = small()
    before = contents(corpus)
    once, twice = change(corpus, 1, seed="a"), change(corpus, 1, seed="a")
    assert contents(corpus) == before
    assert once == twice


def test_deleting_never_takes_a_users_last_file() -> None:
    document = next(iter(small(1)["user-0001"].values()))
    corpus = {f"user-{number}": {"only.txt": document} for number in range(6)}
    after, _ = change(corpus, 100, seed="x")
    assert all(after.values())


@pytest.mark.parametrize("place", list(Place))
@pytest.mark.parametrize("content", [b"", b"x", b"0123456789" * 100])
def test_an_edit_always_changes_the_content(place: Place, content: bytes) -> None:
    assert Edit(place, "seed").apply(content) != content


def test_subfolders_of_data_are_users_and_the_data_is_never_written(tmp_path: Path) -> None:
    for name, content in {"ann/a.txt": b"one", "ann/deep/b.txt": b"two", "bob/c.txt": b"three"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "loose.txt").write_bytes(b"no user")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bob" / "link").symlink_to("c.txt")
    corpus, left_out = from_directory(tmp_path)
    assert contents(corpus) == {("ann", "a.txt"): b"one", ("ann", "deep/b.txt"): b"two", ("bob", "c.txt"): b"three"}
    assert left_out == ["'bob/link'"]
    change(corpus, 100, seed="x")
    assert (tmp_path / "ann" / "a.txt").read_bytes() == b"one"


def test_names_no_s3_key_can_hold_are_left_out_and_told(tmp_path: Path) -> None:
    home = tmp_path / "ann"
    home.mkdir()
    (home / "good").write_bytes(b"x")
    with open(os.fsencode(home) + b"/bad\xff", "wb"):
        pass
    corpus, left_out = from_directory(tmp_path)
    assert list(corpus["ann"]) == ["good"]
    assert left_out == ["'ann/bad\\udcff'"]


@pytest.mark.parametrize(("make", "says"), [(False, "No such file"), (True, "no subfolder")])
def test_data_without_users_is_refused(tmp_path: Path, make: bool, says: str) -> None:
    folder = tmp_path / "data"
    if make:
        folder.mkdir()
    with pytest.raises(InvalidRequest, match=says):
        from_directory(folder)


def test_more_users_than_subfolders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    with pytest.raises(InvalidRequest, match="more than the 1 subfolders"):
        from_directory(tmp_path, users=2)


def test_files_too_large_to_edit_are_never_chosen(tmp_path: Path) -> None:
    corpus = {"ann": {"huge": Document(OnDisk(tmp_path / "absent", 1 << 40))}}
    assert change(corpus, 100, seed="x") == (corpus, [])
