"""The whole life of a repository, in any order, beside a plain model: nothing acknowledged is ever lost or false."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.backup.create_snapshot import create_snapshot
from holdfast.backup.ids import SnapshotId
from holdfast.backup.keys import rotate_keys
from holdfast.backup.mend_keys import mend_keys
from holdfast.backup.prune import prune
from holdfast.backup.rebuild import rebuild_catalogue
from holdfast.backup.repair import repair
from holdfast.backup.replica import Replica
from holdfast.backup.repository import Repository, open_repository
from holdfast.backup.stores.memory import MemoryCatalogue, MemoryObjects
from holdfast.backup.verify import verify
from holdfast.errors import Conflict, IntegrityError, NotFound
from tests.support.faults import Killed, Script, scripted
from tests.support.repositories import any_created, cheap_key, contents_of, noise, objects_of
from tests.support.sources import Script as FileScript
from tests.support.sources import ScriptedSource

USERS = ("ann", "bob")
NAMES = ("a", "b", "c", "large")
DAY = timedelta(days=1)
users = st.sampled_from(USERS)
deaths = st.one_of(st.none(), st.tuples(st.integers(1, 60), st.booleans()))
"""Where a process dies: before or after the n-th call of a port. None: it lives."""
shares = st.floats(0, 1, exclude_max=True)
"""Which of several. No draw depends on the state: names are random, so that a life repeats only almost."""

Files = dict[str, bytes]


def content(name: str, seed: int) -> bytes:
    """Few different contents, so that users share them; one is large enough for several chunks."""
    return noise(90_000, seed) if name == "large" else b"%s %d " % (name.encode(), seed) * (1 + 700 * seed)


class RepositoryLife(RuleBasedStateMachine):
    """Backs up, changes, forgets, prunes, crashes, damages, repairs, rotates keys and loses its catalogue."""

    @initialize()
    def create(self) -> None:
        self.repository: Repository = any_created()
        self.replica = MemoryObjects()
        self.password = "password"
        self.numbers = count()
        self.sources: dict[str, Files] = {user: {} for user in USERS}
        self.snapshots: dict[SnapshotId, Files] = {}
        self.damaged = False

    # --- what users do --------------------------------------------------------------------------------------------

    @rule(user=users, name=st.sampled_from(NAMES), seed=st.one_of(st.none(), st.integers(0, 2)))
    def change(self, user: str, name: str, seed: int | None) -> None:
        """Write or remove a file of the source."""
        if seed is None:
            self.sources[user].pop(name, None)
        else:
            self.sources[user][name] = content(name, seed)

    @rule(user=users, death=deaths, reread=st.booleans())
    def back_up(self, user: str, death: tuple[int, bool] | None, reread: bool) -> None:
        files = dict(self.sources[user])
        done = self._mortal(death, lambda repository: self._back_up(repository, user, files, reread))
        if done is not None:
            self.snapshots[done] = files
        self._find_what_was_acknowledged_unheard()

    def _back_up(self, repository: Repository, user: str, files: Files, reread: bool) -> SnapshotId:
        scripts = {name.encode(): FileScript([data], fingerprint=data[-9:]) for name, data in files.items()}
        source = ScriptedSource(scripts)
        return create_snapshot(repository, source, user=user, host="host", reread=reread).snapshot

    @rule(which=shares)
    def forget(self, which: float) -> None:
        if not self.snapshots:
            return
        id_ = list(self.snapshots)[int(which * len(self.snapshots))]
        self.repository.ledger.forget([id_])
        del self.snapshots[id_]

    @rule()
    def wait(self) -> None:
        """Let every lease and lock of the dead end."""
        self.repository.clock.sleep(DAY.total_seconds())

    # --- what operators do ----------------------------------------------------------------------------------------

    @rule(death=deaths)
    def prune(self, death: tuple[int, bool] | None) -> None:
        with suppress(Conflict, IntegrityError if self.damaged else Conflict):
            self._mortal(death, lambda repository: prune(repository, owner=f"pruner {next(self.numbers)}"))

    @rule(death=deaths)
    def rotate(self, death: tuple[int, bool] | None) -> None:
        """A rotation that dies leaves the old password or the new one; a damaged config or slot forbids it."""
        if self.damaged:
            return
        new = f"password {next(self.numbers)}"
        self._mortal(death, lambda one: rotate_keys(one.objects, [cheap_key(self.password)], [cheap_key(new)]))
        if any(key.startswith("keys/ring-") for key in objects_of(self.repository)):
            newest = f"keys/ring-{self._newest_ring()}"
            if newest != f"keys/ring-{self.repository.ring}":
                self.password = new
        self._reopen()

    @rule()
    def lose_the_catalogue(self) -> None:
        """A rebuilt one knows every manifest, so also what was forgotten and not pruned, or never acknowledged."""
        if self.damaged:
            return
        catalogue = MemoryCatalogue()
        self.repository = self.repository._replace(index=catalogue, ledger=catalogue)
        rebuild_catalogue(self.repository)
        # A pack that was emptied by a repair and not yet pruned is known again, and as bad as it was.
        self.damaged = not verify(self.repository, read_data=True).ok
        self._find_what_was_acknowledged_unheard()

    # --- what happens to disks ------------------------------------------------------------------------------------

    @rule(which=shares, where=shares, what=st.integers(-1, 8))
    def damage(self, which: float, where: float, what: int) -> None:
        """Hurt any object; the replica was complete a moment before, and keeps what it has."""
        if self.damaged:
            return
        self.replica.objects = {**objects_of(self.repository), **self.replica.objects}
        keys = list(objects_of(self.repository))  # oldest first, since names are random
        key = keys[int(which * len(keys))]
        data = self.replica.objects[key]
        at = int(where * len(data))
        if what == -1 and not key.startswith("keys/"):
            del objects_of(self.repository)[key]
        elif 0 <= what < 8:
            objects_of(self.repository)[key] = data[:at] + bytes([data[at] ^ 1 << what]) + data[at + 1 :]
        else:
            objects_of(self.repository)[key] = data[:at]
        self.damaged = True

    @rule(death=deaths)
    def repair(self, death: tuple[int, bool] | None) -> None:
        if not self.damaged:
            return
        mend_keys(self.repository.objects, self.replica)
        self._reopen()
        self.repository.clock.sleep(DAY.total_seconds())
        replica = Replica(self.repository, self.replica)
        owner = f"repairer {next(self.numbers)}"
        self._mortal(death, lambda one: repair(one, owner=owner, replica=replica))
        self.repository.clock.sleep(DAY.total_seconds())
        assert repair(self.repository, owner="after", replica=replica).left.damage == ()
        self.damaged = False
        self._find_what_was_acknowledged_unheard()

    # --- what must hold -------------------------------------------------------------------------------------------

    @invariant()
    def every_acknowledged_snapshot_is_listed(self) -> None:
        if hasattr(self, "snapshots"):
            assert {record.id for record in self.repository.ledger.completed()} == set(self.snapshots)

    @invariant()
    def what_is_read_is_what_was_backed_up(self) -> None:
        if not hasattr(self, "snapshots"):
            return
        for id_, files in self.snapshots.items():
            try:
                assert contents_of(self.repository, id_) == files
            except (IntegrityError, NotFound):
                assert self.damaged

    def teardown(self) -> None:
        """In the end everything verifies, and without snapshots nothing is left."""
        if not hasattr(self, "snapshots"):
            return
        if self.damaged:
            self.repair(None)
        assert verify(self.repository, read_data=True).damage == ()
        self.repository.ledger.forget(list(self.snapshots))
        self.repository.clock.sleep(DAY.total_seconds())
        for _ in range(2):
            prune(self.repository, owner="the last")
        assert list(self.repository.index.packs()) == []
        left = {key.partition("/")[0] for key in objects_of(self.repository)}
        assert left == {"config", "keys"}

    # --- means ----------------------------------------------------------------------------------------------------

    def _mortal(self, death: tuple[int, bool] | None, job: Callable[[Repository], Any]) -> Any:
        """Do a job in a process that may die on the way; return what it acknowledged."""
        if death is None:
            return job(self.repository)
        with suppress(Killed):
            return job(scripted(self.repository, Script(at=death[0], after=death[1])))
        return None

    def _find_what_was_acknowledged_unheard(self) -> None:
        """A process that died after its commit made a snapshot that nobody heard of: it must be as good as any."""
        for record in self.repository.ledger.completed():
            if record.id not in self.snapshots:
                with suppress(IntegrityError if self.damaged else Killed):
                    self.snapshots[record.id] = contents_of(self.repository, record.id)
                if record.id not in self.snapshots:
                    self.repository.ledger.forget([record.id])

    def _newest_ring(self) -> int:
        return max(int(key.removeprefix("keys/ring-")) for key in objects_of(self.repository) if "ring-" in key)

    def _reopen(self) -> None:
        with suppress(IntegrityError if self.damaged else Killed, NotFound if self.damaged else Killed):
            self.repository = open_repository(
                self.repository.objects,
                self.repository.index,
                self.repository.ledger,
                [cheap_key(self.password)],
                clock=self.repository.clock,
            )


TestRepositoryLife = RepositoryLife.TestCase
TestRepositoryLife.settings = settings(max_examples=60, stateful_step_count=40, report_multiple_bugs=False)
