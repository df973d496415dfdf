"""The files of the rehearsal's users: realistic, deterministic, and changed as people change theirs.

A corpus is a mapping of users to paths to documents. A document is a recipe, not bytes: its content is made (or read)
each time it is asked for, so that a corpus of any size takes little memory.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from holdfast.errors import InvalidRequest, SourceUnreadable
from holdfast.rehearsal.corpus_content import CONTENT, Kind

DEPARTMENTS = 25
MEDIAN_BYTES = 9_000
SIGMA = 1.55
LARGEST_BYTES = 4 << 20
EDITABLE_BYTES = 64 << 20
"""Larger files of `--data` are backed up and restored, but never chosen for an edit: edits are made in memory."""

# The shares of kinds and of shared files follow what file-server surveys report in outline, not in digits: most files
# are small text, most bytes are in office documents and images, and colleagues keep copies of the same files.
_KINDS = (Kind.TEXT, Kind.CSV, Kind.JSON, Kind.LOG, Kind.OFFICE, Kind.PDF, Kind.IMAGE)
_WEIGHTS = (24, 12, 9, 9, 18, 13, 15)
_GROWTH = {
    Kind.TEXT: 2.5,
    Kind.CSV: 2.5,
    Kind.JSON: 2.0,
    Kind.LOG: 3.5,
    Kind.OFFICE: 5.0,
    Kind.PDF: 7.0,
    Kind.IMAGE: 8.0,
}
_FOLDERS = (
    "Documents",
    "Documents/2026",
    "Projects/Atlas",
    "Projects/Käfer & Söhne",
    "Reports",
    "Mail/attachments",
    "圖片",
)
_STEMS = (
    "notes", "minutes", "budget", "Übersicht", "re\u0301sume\u0301", "Año nuevo", "отчёт", "提案書", "invoice #7",
    "100% done", "Q3 (final)", "it's mine", "a+b=c", "draft & review", "naïve plan", "σχέδιο", "export", "photo",
    "تقرير", "Ideen 🚀",
)  # fmt: skip
_SUFFIX = {
    Kind.TEXT: ".txt", Kind.CSV: ".csv", Kind.JSON: ".json", Kind.LOG: ".log",
    Kind.OFFICE: ".docx", Kind.PDF: ".pdf", Kind.IMAGE: ".jpg",
}  # fmt: skip


class Place(StrEnum):
    """Where in a file an edit is made; content-defined chunking has to stand all three."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes inserted at the start, overwritten in the middle or appended at the end; the same seed, the same bytes."""

    place: Place
    seed: str

    def apply(self, content: bytes) -> bytes:
        """Return the edited content; it always differs from `content`."""
        patch = f"\nedit {self.seed} ".encode() + random.Random(self.seed).randbytes(40).hex().encode() + b"\n"
        if self.place is Place.START:
            return patch + content
        middle = len(content) // 2
        if self.place is Place.MIDDLE and middle:
            return content[:middle] + patch + content[middle + len(patch) :]
        return content + patch


@dataclass(frozen=True, slots=True)
class Recipe:
    """A generated document: `kind`, about `size` bytes, and the seed that fixes every byte."""

    kind: Kind
    size: int
    seed: str

    def content(self) -> bytes:
        """Return the bytes, the same at every call and on every machine."""
        return CONTENT[self.kind](random.Random(self.seed), self.size)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file of `--data`; it is read, never written."""

    path: Path
    size: int

    def content(self) -> bytes:
        """Return the bytes the file has now.

        Raises:
            SourceUnreadable: it vanished or may not be read.
        """
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise SourceUnreadable(f"cannot read {self.path}: {error.strerror}; check --data and its rights") from error


@dataclass(frozen=True, slots=True)
class Document:
    """One file: where it came from and what was edited since."""

    base: Recipe | OnDisk
    edits: tuple[Edit, ...] = ()

    def content(self) -> bytes:
        """Return the base's bytes with every edit applied, in order."""
        content = self.base.content()
        for edit in self.edits:
            content = edit.apply(content)
        return content


Corpus = Mapping[str, Mapping[str, Document]]
"""user -> path below the user's folder -> document; both in sorted order."""


def user_names(count: int) -> list[str]:
    """Return `user-0001`, `user-0002`, ...: the names the platform's requirements use."""
    return [f"user-{number:04d}" for number in range(1, count + 1)]


def generate(users: int, *, files_per_user: float, seed: str) -> Corpus:
    """Return `users` folders of documents; about two files in five are shared with colleagues."""
    if users < 1:
        raise InvalidRequest(f"users must be 1 or more, got {users}")
    company = _pool(f"{seed}/company", 24)
    departments = [_pool(f"{seed}/department/{number}", 12) for number in range(DEPARTMENTS)]
    return {
        name: _home(f"{seed}/{name}", files_per_user, company, departments[number % DEPARTMENTS])
        for number, name in enumerate(user_names(users))
    }


def _pool(seed: str, count: int) -> dict[str, Document]:
    chance = random.Random(seed)
    label = "Templates" if seed.endswith("company") else "Shared"
    return {
        f"{label}/{_name(chance, kind, number)}": _document(chance, kind, f"{seed}/{number}")
        for number, kind in enumerate(chance.choices(_KINDS, _WEIGHTS, k=count))
    }


def _home(
    seed: str, files: float, company: Mapping[str, Document], department: Mapping[str, Document]
) -> dict[str, Document]:
    chance = random.Random(seed)
    count = max(1, round(chance.gauss(files, files / 4)))
    home: dict[str, Document] = {}
    for number in range(count):
        draw = chance.random()
        if draw < 0.4:
            pool = company if draw < 0.2 else department
            path = chance.choice(list(pool))
            home[path] = pool[path]
        else:
            kind = chance.choices(_KINDS, _WEIGHTS)[0]
            path = f"{chance.choice(_FOLDERS)}/{_name(chance, kind, number)}"
            home[path] = _document(chance, kind, f"{seed}/{number}")
    return dict(sorted(home.items()))


def _name(chance: random.Random, kind: Kind, number: int) -> str:
    return f"{chance.choice(_STEMS)} {number}{_SUFFIX[kind]}"


def _document(chance: random.Random, kind: Kind, seed: str) -> Document:
    if chance.random() < 0.01:
        return Document(Recipe(kind, 0, seed))  # empty files exist, and are easy to get wrong
    median = MEDIAN_BYTES * _GROWTH[kind] / 2
    size = int(median * chance.lognormvariate(0, SIGMA) / 2)
    return Document(Recipe(kind, max(16, min(size, LARGEST_BYTES)), seed))


def from_directory(data: Path, *, users: int | None = None) -> tuple[Corpus, list[str]]:
    """Return a corpus of real files, each subfolder of `data` a user, and the names it had to leave out.

    Links, special files, empty folders and names that are not UTF-8 (no S3 key can hold them) are left out.

    Raises:
        InvalidRequest: `data` is no folder, has no subfolder, or has fewer than `users`.
        SourceUnreadable: it cannot be listed.
    """
    try:
        homes = sorted(entry.name for entry in os.scandir(data) if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise InvalidRequest(f"--data {data}: {error.strerror}; name a folder with one subfolder per user") from error
    if not homes:
        raise InvalidRequest(f"--data {data} has no subfolder; each subfolder is a user")
    if users is not None and len(homes) < users:
        raise InvalidRequest(f"--users {users} is more than the {len(homes)} subfolders of --data {data}")
    left_out = [repr(name) for name in homes if not _is_utf8(name)]
    corpus = {name: dict(sorted(_files(data / name, left_out))) for name in filter(_is_utf8, homes[:users])}
    return {name: files for name, files in corpus.items() if files}, left_out


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _files(home: Path, left_out: list[str]) -> Iterator[tuple[str, Document]]:
    def refuse(error: OSError) -> None:
        raise SourceUnreadable(
            f"cannot list {error.filename}: {error.strerror}; check --data and its rights"
        ) from error

    for folder, _, names in os.walk(home, onerror=refuse):
        for name in names:
            path = Path(folder, name)
            relative = path.relative_to(home).as_posix()
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and _is_utf8(relative):
                yield relative, Document(OnDisk(path, status.st_size))
            else:
                left_out.append(repr(f"{home.name}/{relative}"))


class Action(StrEnum):
    """What may happen to a file between two backups."""

    EDIT_START = "edit at the start"
    EDIT_MIDDLE = "edit in the middle"
    APPEND = "append"
    ADD = "add"
    DELETE = "delete"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class Change:
    """One file changed: `path` is new, edited or gone; `old_path` is where a renamed file was."""

    user: str
    path: str
    action: Action
    old_path: str | None = None


_EDITS = {Action.EDIT_START: Place.START, Action.EDIT_MIDDLE: Place.MIDDLE, Action.APPEND: Place.END}


def change(corpus: Corpus, percent: float, *, seed: str) -> tuple[Corpus, list[Change]]:
    """Return the corpus with `percent` of its files changed, and what was changed; at least one of each action.

    No file is changed twice. A corpus of fewer files than there are actions changes every file once.
    """
    chance = random.Random(seed)
    editable = [(user, path) for user, files in corpus.items() for path in files if _editable(files[path])]
    wanted = max(len(Action), round(sum(map(len, corpus.values())) * percent / 100))
    chosen = sorted(chance.sample(editable, min(wanted, len(editable))))
    chance.shuffle(chosen)
    after = {user: dict(files) for user, files in corpus.items()}
    changes = []
    for number, (user, path) in enumerate(chosen):
        action = list(Action)[number % len(Action)]
        changes.append(_ACT[action](after[user], user, path, action, f"{seed}/{number}"))
    return {user: dict(sorted(files.items())) for user, files in after.items()}, changes


def _editable(document: Document) -> bool:
    return document.base.size <= EDITABLE_BYTES


def _edit(files: dict[str, Document], user: str, path: str, action: Action, seed: str) -> Change:
    old = files[path]
    files[path] = Document(old.base, (*old.edits, Edit(_EDITS[action], seed)))
    return Change(user, path, action)


def _add(files: dict[str, Document], user: str, _path: str, action: Action, seed: str) -> Change:
    chance = random.Random(seed)
    kind = chance.choice(_KINDS)
    new = _free(files, f"New/{chance.choice(_STEMS)}", _SUFFIX[kind])
    files[new] = _document(chance, kind, seed)
    return Change(user, new, action)


def _delete(files: dict[str, Document], user: str, path: str, action: Action, seed: str) -> Change:
    if len(files) == 1:  # a user with no file at all is no folder in S3, so nobody would find the user
        return _edit(files, user, path, Action.APPEND, seed)
    del files[path]
    return Change(user, path, action)


def _rename(files: dict[str, Document], user: str, path: str, action: Action, _seed: str) -> Change:
    new = _free(files, f"Archive/{path.rpartition('/')[2]}", "")
    files[new] = files.pop(path)
    return Change(user, new, action, old_path=path)


def _free(files: Mapping[str, Document], stem: str, suffix: str) -> str:
    path, number = stem + suffix, 1
    while path in files:
        number += 1
        path = f"{stem} ({number}){suffix}"
    return path


_ACT: dict[Action, Callable[[dict[str, Document], str, str, Action, str], Change]] = {
    Action.EDIT_START: _edit,
    Action.EDIT_MIDDLE: _edit,
    Action.APPEND: _edit,
    Action.ADD: _add,
    Action.DELETE: _delete,
    Action.RENAME: _rename,
}
