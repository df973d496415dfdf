"""The SQLite catalogue, beyond the contracts of index and ledger."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from holdfast.backup.ids import ChunkId, PackId, SnapshotId
from holdfast.backup.ports import PackKind, PackRow, PackState, Record, Status
from holdfast.backup.stores import sqlite_unwritable
from holdfast.backup.stores.sqlite_catalogue import SqliteCatalogue
from holdfast.backup.stores.sqlite_file import MEANING, SqliteFile, sqlite_errors
from holdfast.backup.stores.turns import FileTurn
from holdfast.errors import Conflict, HoldfastError, IntegrityError, StoreDenied, StoreUnavailable
from tests.support.patience import PATIENCE_SECONDS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ONE = SnapshotId("1" * 32)
TWO = SnapshotId("2" * 32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite"


@pytest.fixture
def catalogue(path: Path) -> Iterator[SqliteCatalogue]:
    made = SqliteCatalogue(path)
    yield made
    made.close()


def test_the_catalogue_and_what_lies_beside_it_are_files_that_only_the_owner_reads(path: Path) -> None:
    made = SqliteCatalogue(path)
    made.advance_epoch()
    found = {one.name.removeprefix(path.name): stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    made.close()
    assert found == dict.fromkeys(("", "-wal", "-shm", "-turn"), 0o600)


# The primary result codes of https://sqlite.org/rescode.html that stand for an error.
CODES = """
    ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN
    PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB
"""
OUR_MISTAKES = {
    "INTERNAL", "ABORT", "NOTFOUND", "EMPTY", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE", "NOLFS", "FORMAT", "RANGE",
}  # fmt: skip
"""What a right program never meets: left to rise, with its own traceback."""


def error_of(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("name", CODES.split())
def test_every_result_code_is_ours_or_known_as_our_mistake(name: str) -> None:
    code: int = getattr(sqlite3, f"SQLITE_{name}")
    if name in OUR_MISTAKES:
        assert code not in MEANING
        with pytest.raises(sqlite3.OperationalError), sqlite_errors(Path("c")):
            raise error_of(code)
    else:
        with pytest.raises(HoldfastError, match=r"^catalogue c: \S") as caught, sqlite_errors(Path("c")):
            raise error_of(code | 0x100)  # an extended code counts as its primary
        assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_though_sqlite_says_only_that_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 10, 10, 10, 0, 255))
    for status, text in ((full, "the disk is full: free some space"), (os.statvfs("/"), "the disk failed to answer")):
        monkeypatch.setattr(os, "statvfs", lambda _folder, found=status: found)
        with pytest.raises(StoreUnavailable, match=text), sqlite_errors(Path("c")):
            raise error_of(sqlite3.SQLITE_IOERR_SHMSIZE)


def test_each_change_is_synced_to_the_disk(catalogue: SqliteCatalogue) -> None:
    with catalogue._connected() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_no_log_is_left_behind_by_threads_that_wrote(catalogue: SqliteCatalogue, path: Path) -> None:
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait(PATIENCE_SECONDS)
        row = PackRow(pack=PackId(f"{number:064x}"), kind=PackKind.DATA, size=1, session=ONE)
        catalogue.announce(row)
        catalogue.publish(row.pack, [ChunkId(number.to_bytes(32, "big"))])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(list(catalogue.packs())) == 8
    catalogue.close()
    assert {one.name for one in path.parent.iterdir()} == {path.name, f"{path.name}-turn"}


def a_pack(number: int) -> PackRow:
    return PackRow(pack=PackId(f"{number:064x}"), kind=PackKind.DATA, size=1, session=ONE)


def test_changes_made_together_are_seen_by_others_all_at_once(catalogue: SqliteCatalogue, path: Path) -> None:
    with closing(SqliteCatalogue(path)) as other:
        with catalogue.together():
            assert catalogue.announce(a_pack(1))
            assert catalogue.announce(a_pack(2))
            assert len(list(catalogue.packs())) == 2
            assert list(other.packs()) == []
        assert len(list(other.packs())) == 2


def test_changes_made_together_are_undone_together(catalogue: SqliteCatalogue) -> None:
    def change() -> None:
        with catalogue.together():
            catalogue.announce(a_pack(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert list(catalogue.packs()) == []
    assert catalogue.announce(a_pack(1))


def test_one_of_several_changes_that_is_refused_leaves_the_others(catalogue: SqliteCatalogue) -> None:
    with catalogue.together():
        catalogue.announce(a_pack(1))
        with pytest.raises(Conflict):
            catalogue.condemn(a_pack(1), 7)
        assert catalogue.condemn(a_pack(1), catalogue.epoch())
    assert [row.state for row in catalogue.packs()] == [PackState.CONDEMNED]


def test_others_wait_for_changes_made_together_and_then_go_on(catalogue: SqliteCatalogue) -> None:
    with ThreadPoolExecutor(1) as pool:
        with catalogue.together():
            catalogue.announce(a_pack(1))
            waiting = pool.submit(catalogue.announce, a_pack(1))
            time.sleep(0.05)
            assert not waiting.done()
        assert waiting.result(PATIENCE_SECONDS) is False


def test_changes_together_are_refused_in_time_where_another_process_keeps_its_turn(path: Path) -> None:
    with (
        closing(SqliteCatalogue(path, busy_seconds=0.05)) as catalogue,
        FileTurn(path.with_name(f"{path.name}-turn")).taken(1),
        pytest.raises(StoreUnavailable, match="locked"),
        catalogue.together(),
    ):
        pytest.fail("two had it")


def test_what_is_no_catalogue_is_told_at_once(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt\n" * 500)
    with pytest.raises(IntegrityError, match=r"no catalogue.*repo rebuild"):
        SqliteCatalogue(path)


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreDenied, match="cannot be opened"):
        SqliteCatalogue(tmp_path / "nowhere" / "catalogue.sqlite")


def _read_all(path: Path) -> None:
    with closing(SqliteCatalogue(path)) as catalogue:
        list(catalogue.packs())
        catalogue.usable([ChunkId(n.to_bytes(32, "big")) for n in range(5000)])


def test_a_damaged_page_is_an_integrity_error(path: Path) -> None:
    first = SqliteCatalogue(path)
    row = PackRow(pack=PackId("a" * 64), kind=PackKind.DATA, size=1, session=ONE)
    first.announce(row)
    first.publish(row.pack, [ChunkId(n.to_bytes(32, "big")) for n in range(5000)])
    first.close()
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="repo rebuild"):
        _read_all(path)


def test_a_catalogue_that_stays_locked_is_unavailable_after_its_patience(path: Path) -> None:
    patient = SqliteCatalogue(path, busy_seconds=0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        patient.advance_epoch()
    assert patient.epoch() == 1  # reading waits for no writer
    holder.execute("ROLLBACK")
    assert patient.advance_epoch() == 2
    holder.close()
    patient.close()


def test_a_change_that_fails_changes_nothing(catalogue: SqliteCatalogue) -> None:
    row = PackRow(pack=PackId("a" * 64), kind=PackKind.DATA, size=1, session=ONE)
    catalogue.announce(row)

    def chunks() -> list[ChunkId]:
        return [ChunkId(b"1" * 32), None]  # type: ignore[list-item]

    with pytest.raises(sqlite3.IntegrityError):
        catalogue.publish(row.pack, chunks())
    assert [found.state for found in catalogue.packs()] == [PackState.PENDING]
    assert catalogue.readable([ChunkId(b"1" * 32)]) == {}


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    """The file may not grow, as on a full disk; what was there stays readable and writable afterwards."""
    catalogue = SqliteCatalogue(path)
    catalogue.begin(Record(id=ONE, user="ann", host="desk", start=NOON, lease_until=NOON + timedelta(hours=1), epoch=1))
    with catalogue._connected() as db:
        pass  # the one connection there is
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    row = PackRow(pack=PackId("a" * 64), kind=PackKind.DATA, size=1, session=ONE)
    catalogue.announce(row)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        catalogue.publish(row.pack, [ChunkId(n.to_bytes(32, "big")) for n in range(5000)])
    db.execute("PRAGMA max_page_count = 1000000")
    assert catalogue.get([ONE])[ONE].status is Status.RUNNING
    assert catalogue.publish(row.pack, [ChunkId(n.to_bytes(32, "big")) for n in range(5000)]) == 5000
    catalogue.close()


def test_a_retired_record_vanishes_when_its_time_has_come(path: Path) -> None:
    today = NOON
    with closing(SqliteCatalogue(path, now=lambda: today)) as catalogue:
        for number in "12":
            record = Record(id=SnapshotId(number * 32), user="ann", host="desk", start=NOON, lease_until=NOON, epoch=1)
            catalogue.begin(record)
            catalogue.finish(record.id, Status.FAILED, NOON, {})
        both = [SnapshotId("1" * 32), SnapshotId("2" * 32)]
        catalogue.retire(both[:1], NOON + timedelta(days=90))
        today += timedelta(days=89)
        catalogue.retire([], today)
        assert set(catalogue.get(both)) == set(both)
        today += timedelta(days=2)
        catalogue.retire([], today)
        assert set(catalogue.get(both)) == {both[1]}


def _claim(path: Path, worker: int) -> None:
    catalogue = SqliteCatalogue(path)
    for turn in range(15):
        row = PackRow(pack=PackId(f"{worker * 1000 + turn:064x}"), kind=PackKind.DATA, size=1, session=ONE)
        catalogue.announce(row)
        catalogue.publish(row.pack, [ChunkId(n.to_bytes(32, "big")) for n in range(turn, turn + 50)])
    catalogue.close()


def test_many_processes_write_one_catalogue_and_each_gets_its_turn(path: Path) -> None:
    SqliteCatalogue(path).close()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_claim, args=(path, number)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_SECONDS)
    assert [worker.exitcode for worker in workers] == [0] * 6
    catalogue = SqliteCatalogue(path)
    assert len(list(catalogue.packs())) == 6 * 15
    assert len(catalogue.usable([ChunkId(n.to_bytes(32, "big")) for n in range(64)])) == 64
    catalogue.close()


def only_to_read(path: Path) -> SqliteCatalogue:
    return SqliteCatalogue(path, is_unwritable=lambda _: True)


def ann(id_: SnapshotId) -> Record:
    return Record(id=id_, user="ann", host="desk", start=NOON, lease_until=NOON + timedelta(hours=1), epoch=1)


def test_what_cannot_be_written_is_read_without_touching_anything(catalogue: SqliteCatalogue, path: Path) -> None:
    catalogue.begin(ann(ONE))
    catalogue.close()
    before = {one.name: one.stat().st_mtime_ns for one in path.parent.iterdir()}
    with closing(only_to_read(path)) as reader:
        assert ONE in reader.get([ONE])
        with pytest.raises(StoreDenied, match="can only be read"):
            reader.forget([ONE])
        with pytest.raises(StoreDenied, match="can only be read"), reader.together():
            pass
    assert {one.name: one.stat().st_mtime_ns for one in path.parent.iterdir()} == before


def test_who_may_only_read_sees_what_a_writer_at_work_and_one_that_was_killed_committed(
    catalogue: SqliteCatalogue, path: Path
) -> None:
    with closing(only_to_read(path)) as reader:
        catalogue.begin(ann(ONE))
        assert set(reader.get([ONE, TWO])) == {ONE}
        catalogue.begin(ann(TWO))
        assert path.with_name("catalogue.sqlite-wal").stat().st_size
        assert set(reader.get([ONE, TWO])) == {ONE, TWO}
        copy = shutil.copytree(path.parent, path.parent / "copy") / path.name
        catalogue.close()  # which moves the log into the file and takes it away
        assert not path.with_name("catalogue.sqlite-wal").exists()
        assert set(reader.get([ONE, TWO])) == {ONE, TWO}
    with closing(only_to_read(copy)) as reader:
        assert set(reader.get([ONE, TWO])) == {ONE, TWO}


def test_a_log_that_cannot_be_used_is_told(catalogue: SqliteCatalogue, path: Path) -> None:
    catalogue.begin(ann(ONE))
    copy = shutil.copytree(path.parent, path.parent / "copy", ignore=lambda *_: [f"{path.name}-shm"]) / path.name
    with pytest.raises(StoreDenied, match="copy the repository to where it can be written"):
        only_to_read(copy)


def test_what_changes_while_it_is_read_unlocked_is_read_again(
    catalogue: SqliteCatalogue, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.begin(ann(ONE))
    catalogue.close()
    reader = only_to_read(path)
    read, reads = sqlite_unwritable._rows, []

    def meanwhile(*arguments: Any) -> list[Any]:
        rows = read(*arguments)
        reads.append(rows)
        if len(reads) == 1:
            with closing(SqliteCatalogue(path)) as writer:
                writer.begin(ann(TWO))
        return rows

    monkeypatch.setattr(sqlite_unwritable, "_rows", meanwhile)
    assert set(reader.get([ONE, TWO])) == {ONE, TWO}
    assert [len(rows) for rows in reads] == [1, 2]


def test_on_a_full_disk_what_reads_works_and_what_writes_is_told(
    catalogue: SqliteCatalogue, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.begin(ann(ONE))
    catalogue.close()

    def no_room(_: SqliteFile) -> sqlite3.Connection:
        raise error_of(sqlite3.SQLITE_IOERR)

    monkeypatch.setattr(SqliteFile, "_opened", no_room)
    with pytest.raises(StoreUnavailable, match="the disk failed to answer"):
        SqliteCatalogue(path)
    no_inodes = os.statvfs_result((4096, 4096, 100, 50, 50, 10, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: no_inodes)
    with closing(SqliteCatalogue(path)) as reader:
        assert ONE in reader.get([ONE])
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            reader.forget([ONE])


def test_an_unwritable_folder_without_a_catalogue_holds_an_empty_one(path: Path) -> None:
    with closing(only_to_read(path)) as reader:
        assert (reader.completed(), list(reader.packs()), reader.epoch()) == ([], [], 1)
    assert list(path.parent.iterdir()) == []


def test_what_is_no_catalogue_is_told_where_nothing_can_be_written(path: Path) -> None:
    path.write_bytes(b"no catalogue" * 1000)
    with pytest.raises(IntegrityError, match="it is no catalogue"):
        only_to_read(path)
