"""The life of a real folder at random: changed, backed up, damaged, repaired; every snapshot gives back what was there.

`python -m tests.support.folder_life --lives 500` is the large form of `tests/fault/test_folder_life.py`. What
`tests/property/test_repository_life.py` does with files that a model makes up, this does with a folder that changes
between two looks: names, links, modes and times, some put back as they were, so that snapshots take from earlier ones
whatever seems unchanged.
"""

from __future__ import annotations

import argparse
import os
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

from holdfast.backup.checkpoints import CheckpointRate
from holdfast.backup.create_snapshot import SnapshotSummary, create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repair import repair
from holdfast.backup.resume import last_interrupted
from holdfast.backup.sources.directory import DirectorySource
from holdfast.backup.stores.memory import MemoryCatalogue
from holdfast.backup.verify import verify
from holdfast.errors import Interrupted
from tests.support.backups import restored
from tests.support.repositories import any_created, flip, objects_of
from tests.support.trees import picture

EVERY_FILE = CheckpointRate(least=timedelta(0), data_bytes=1)
SIZES = (0, 1, 500, 40_000, 40_000, 300_000, 2_000_000)
MODES = (0o600, 0o644, 0o755, 0o4711)
STEPS = 40
SETTLED_SECONDS = 0.03
"""What changed before is recognised as unchanged."""


class FolderLife:
    """One folder, its repository in memory, and what each acknowledged snapshot must give back."""

    def __init__(self, base: Path, random: Random) -> None:
        self._random = random
        self._base = base
        self._home = base / "home"
        self._repository = any_created()
        self._held: dict[SnapshotId, dict[bytes, tuple[object, ...]]] = {}
        self.done: Counter[str] = Counter()
        (self._home / "a").mkdir(parents=True)

    def run(self, steps: int = STEPS) -> None:
        """Live; then everything held is restored, and one more backup has all that is there."""
        verbs: list[Callable[[], None]] = [self.back_up, self.stop, self.forget, self.prune, self.rebuild, self.look]
        verbs += [self.lose_the_catalogue, self.damage, self.damage]
        for verb in self._random.choices(verbs, [10, 3, 2, 3, 1, 2, 1, 1, 1], k=steps):
            if self._random.random() < 0.8:
                self._change()
            verb()
            self.done[verb.__name__] += 1
        self.back_up()
        for id_ in list(self._held):
            self._restore(id_)
        self._verify()

    def back_up(self) -> None:
        """Back up as it stands, and go on where the last one was stopped."""
        before = picture(self._home)
        summary = self._attempt(lambda: False)
        assert summary.is_complete, summary.skipped
        self._held[summary.snapshot] = before

    def stop(self) -> None:
        """Begin a backup that is interrupted, unless it ends before."""
        looks = iter(range(self._random.randrange(200)))
        before = picture(self._home)
        with suppress(Interrupted):
            self._held[self._attempt(lambda: next(looks, None) is None).snapshot] = before

    def _attempt(self, is_stopped: Callable[[], bool]) -> SnapshotSummary:
        source = self._source()
        return create_snapshot(
            self._repository,
            source,
            user="user",
            host="host",
            checkpoints=EVERY_FILE if self._random.random() < 0.5 else CheckpointRate(),
            reread=self._random.random() < 0.1,
            resume=last_interrupted(self._repository, "user", "host", source.paths),
            is_stopped=is_stopped,
        )

    def _source(self) -> DirectorySource:
        return DirectorySource([os.fsencode(self._home)])

    def forget(self) -> None:
        """Forget some, never the last one."""
        gone = self._random.sample(sorted(self._held), self._random.randrange(max(1, len(self._held))))
        self._repository.ledger.forget(gone)
        for id_ in gone:
            del self._held[id_]

    def prune(self) -> None:
        """Prune."""
        prune(self._repository, owner="test")

    def rebuild(self) -> None:
        """Rebuild a catalogue that lacks nothing."""
        rebuild_catalogue(self._repository)
        self._verify()

    def lose_the_catalogue(self) -> None:
        """Make it anew; what was forgotten may come back, and lack what was pruned."""
        catalogue = MemoryCatalogue()
        self._repository = self._repository._replace(index=catalogue, ledger=catalogue)
        rebuild_catalogue(self._repository)
        self._give_up()

    def damage(self) -> None:
        """Flip a bit of a pack; repair, from the folder as it is now or from nothing, and give up what is lost.

        Sometimes the folder stays as it is meanwhile: then the next backup must not take it for unchanged.
        """
        if is_still := self._random.random() < 0.5:
            time.sleep(SETTLED_SECONDS)
            self.back_up()
        packs = sorted(key for key in objects_of(self._repository) if key.startswith("packs/"))
        if not packs:
            return
        key = self._random.choice(packs)
        flip(self._repository, key, self._random.randrange(len(objects_of(self._repository)[key])))
        self._give_up(self._source() if self._random.random() < 0.5 else None)
        if is_still:
            self.back_up()

    def _give_up(self, source: DirectorySource | None = None) -> None:
        report = repair(self._repository, owner="test", source=source, without_lost=True)
        assert report.ok, report.left.damage
        for dropped in report.dropped:
            self._held.pop(dropped.snapshot, None)

    def look(self) -> None:
        """Restore one snapshot and compare, and verify every byte."""
        if self._held:
            self._restore(self._random.choice(sorted(self._held)))
        self._verify()

    def _verify(self) -> None:
        report = verify(self._repository, read_data=True)
        assert report.ok, report.damage

    def _restore(self, id_: SnapshotId) -> None:
        target = self._base / "target"
        shutil.rmtree(target, ignore_errors=True)
        summary = restored(self._repository, id_, target)
        assert not summary.failed, summary.failed
        assert picture(target) == self._held[id_]

    def _change(self) -> None:
        changes = (self._write, self._write, self._patch, self._add, self._remove, self._rename, self._link, self._mode)
        for _ in range(self._random.randint(1, 6)):
            with suppress(OSError):  # the name is taken, or gone
                self._random.choice(changes)()

    def _folders(self) -> list[Path]:
        return [Path(at) for at, _, _ in os.walk(self._home)]

    def _names(self) -> list[Path]:
        return [Path(at, name) for at, _, names in os.walk(self._home) for name in names]

    def _some(self, prefix: str, count: int = 6) -> Path:
        """Return a path that may or may not be there."""
        return self._random.choice(self._folders()) / f"{prefix}{self._random.randrange(count)}"

    def _write(self) -> None:
        """Write a file; over an earlier one often as many bytes, with its time put back."""
        path = self._some("file", 12)
        old = path.lstat() if path.exists() and self._random.random() < 0.5 else None
        if path.exists() and not stat.S_ISREG(path.lstat().st_mode):
            return
        path.write_bytes(self._random.randbytes(old.st_size if old else self._random.choice(SIZES)))
        if old is not None:
            os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))

    def _patch(self) -> None:
        path = self._random.choice(self._names() or [self._home / "none"])
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("r+b") as file:
                file.seek(self._random.randrange(path.stat().st_size + 1))
                file.write(b"patched")

    def _add(self) -> None:
        kind = self._random.randrange(3)
        if kind == 0:
            self._some("folder").mkdir()
        elif kind == 1:
            self._some("symbolic", 2).symlink_to(f"to {self._random.randrange(4)}")
        else:
            os.mkfifo(self._some("pipe", 2))

    def _remove(self) -> None:
        folders = self._folders()[1:]
        if folders and self._random.random() < 0.3:
            shutil.rmtree(self._random.choice(folders))
        else:
            self._random.choice(self._names() or [self._home / "none"]).unlink()

    def _rename(self) -> None:
        found = self._names() + self._folders()[1:]
        self._random.choice(found or [self._home / "none"]).rename(self._some("file", 12))

    def _link(self) -> None:
        os.link(self._random.choice(self._names() or [self._home / "none"]), self._some("link"))

    def _mode(self) -> None:
        found = [path for path in self._names() if stat.S_ISREG(path.lstat().st_mode)]
        self._random.choice(found or [self._home / "none"]).chmod(self._random.choice(MODES))


def main() -> None:
    """Live so many lives, and print what was done in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    done: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.lives):
        with tempfile.TemporaryDirectory() as folder:
            life = FolderLife(Path(folder), Random(seed))
            try:
                life.run()
            except BaseException as error:
                error.add_note(f"seed {seed}")
                raise
        done += life.done
    print(", ".join(f"{count} {name}" for name, count in sorted(done.items())))


if __name__ == "__main__":
    main()
