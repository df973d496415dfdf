"""An unchanged repeat is copied from the cache; any change of what an assembly depends on is a miss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesis, synthesis_cache
from holdfast.platforms.synthesis import SynthesizedStack, synthesize
from holdfast.platforms.synthesis_cache import LISTING, Listed, Told, key_of, recall, remember, restore, store
from holdfast.settings.load import defaults
from holdfast.settings.platform import PlatformSettings

VAULT = defaults("backup-vault", environment="dev")
STACKS = [Listed(platform="backup-vault", name="one", region="us-east-1")]


def key(bundle: Path | None = None, **changed: Any) -> str:
    given: dict[str, Any] = {
        "platforms": [VAULT],
        "code": "c",
        "libraries": "l",
        "bundle": bundle,
        "native": False,
        **changed,
    }
    platforms = given.pop("platforms")
    return key_of(platforms, **given)


def assembly(folder: Path, text: str = "{}") -> Path:
    (folder / "nested").mkdir(parents=True)
    (folder / "one.template.json").write_text(text)
    (folder / "nested" / "asset.zip").write_bytes(b"\0zip")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "changed",
    [
        {"platforms": [defaults("backup-vault", environment="other")]},
        {"platforms": [VAULT, VAULT]},
        {"code": "d"},
        {"libraries": "aws-cdk-lib==0"},
        {"native": True},
    ],
    ids=str,
)
def test_a_change_of_any_part_of_the_key_is_another_key(changed: dict[str, Any]) -> None:
    assert key(**changed) != key()


def test_the_bundle_counts_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    one.write_bytes(b"a")
    same.write_bytes(b"a")
    other.write_bytes(b"b")
    assert key(one) == key(same) != key(other)
    assert key(one) != key()


def test_a_changed_or_added_file_of_the_package_is_another_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis_cache, "PACKAGE", tmp_path)
    (tmp_path / "a.py").write_text("1")
    first = synthesis_cache.code_digest()
    (tmp_path / "a.py").write_text("2")
    second = synthesis_cache.code_digest()
    (tmp_path / "b.json").write_text("")
    third = synthesis_cache.code_digest()
    lock = tmp_path / "lock.pyc"
    lock.write_text("pinned")
    assert len({first, second, third, synthesis_cache.code_digest(lock)}) == 4


def test_what_is_stored_comes_back_byte_for_byte(tmp_path: Path) -> None:
    made, out = assembly(tmp_path / "made"), tmp_path / "out"
    store(tmp_path / "cache", "k", made, STACKS)
    assert restore(tmp_path / "cache", "k", out) == STACKS
    assert files(out) == files(made)
    assert restore(tmp_path / "cache", "other", out) is None


@pytest.mark.parametrize("name", ["one.template.json", "nested/asset.zip", LISTING])
@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}x")], ids=["gone", "other"]
)
def test_a_damaged_entry_is_not_used_and_made_again(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    cache, made, out = tmp_path / "cache", assembly(tmp_path / "made"), tmp_path / "out"
    store(cache, "k", made, STACKS)
    damage(cache / "k" / name)
    assert restore(cache, "k", out) is None
    assert not out.exists()
    store(cache, "k", made, STACKS)
    assert restore(cache, "k", out) == STACKS


def test_many_that_store_and_restore_at_once_see_whole_entries_only(tmp_path: Path) -> None:
    cache, made = tmp_path / "cache", assembly(tmp_path / "made")
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(10):
            store(cache, "k", made, STACKS)
            out = tmp_path / f"out-{number}-{turn}"
            if restore(cache, "k", out) is None or files(out) != files(made):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [path.name for path in cache.iterdir()] == ["k"]


def test_the_oldest_entries_are_dropped(tmp_path: Path) -> None:
    made = assembly(tmp_path / "made")
    for number in range(synthesis_cache.MOST_ENTRIES + 2):
        store(tmp_path / "cache", f"k{number}", made, STACKS)
    assert len(list((tmp_path / "cache").iterdir())) == synthesis_cache.MOST_ENTRIES


def test_a_cache_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store(tmp_path / "file", "k", assembly(tmp_path / "made"), STACKS)
    assert restore(tmp_path / "file", "k", tmp_path / "out") is None


def test_a_request_is_answered_as_before_with_its_assembly(tmp_path: Path) -> None:
    cache, made, out = tmp_path / "cache", assembly(tmp_path / "made"), tmp_path / "out"
    told = Told(key="k", lines=[("a line", False), ("a warning", True)], stacks=1, status=1)
    remember(cache, ["a", b"b"], told)

    assert recall(cache, ["a", b"b"], out) is None  # the assembly is not there
    store(cache, "k", made, STACKS)
    assert recall(cache, ["a", b"b"], out) == told
    assert files(out) == files(made)
    assert recall(cache, ["ab", b""], out) is None  # other parts, though the same bytes in a row


@pytest.mark.parametrize("changed", ["our_digest", "library_versions"])
def test_another_code_or_library_does_not_know_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    store(tmp_path, "k", assembly(tmp_path / "made"), STACKS)
    remember(tmp_path, ["a"], Told(key="k", lines=[], stacks=1, status=0))
    assert recall(tmp_path, ["a"], tmp_path / "out") is not None
    monkeypatch.setattr(synthesis_cache, changed, lambda: "another")
    assert recall(tmp_path, ["a"], tmp_path / "out") is None


def test_a_damaged_answer_is_not_given(tmp_path: Path) -> None:
    store(tmp_path, "k", assembly(tmp_path / "made"), STACKS)
    remember(tmp_path, ["a"], Told(key="k", lines=[("said", False)], stacks=1, status=0))
    [path] = (tmp_path / "answers").iterdir()
    path.write_text(path.read_text().replace("said", "told"))
    assert recall(tmp_path, ["a"], tmp_path / "out") is None


def test_the_second_synthesis_makes_no_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def fake(
        platforms: list[PlatformSettings], out: Path, _bundle: Path | None, *, native: bool
    ) -> list[SynthesizedStack]:
        made.append(assembly(out))
        return [
            SynthesizedStack(
                platform="backup-vault", name="one", region="us-east-1", template_path=out / "x", template={}
            )
        ]

    monkeypatch.setattr(synthesis, "_synthesize", fake)
    (tmp_path / "first").mkdir()
    first, second = (synthesize([VAULT], tmp_path / name, cache=tmp_path / "cache") for name in ("first", "second"))
    assert len(made) == 1
    assert [(one.name, one.template) for one in first] == [(one.name, one.template) for one in second]
    assert files(tmp_path / "first") == files(tmp_path / "second")
    assert first[0].template_path == tmp_path / "first" / "one.template.json"
