"""What is particular to the SQLite store: concurrent first use, forks, files of other releases."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import msgspec
import pytest

from shared.adapters.state import documents, sqlite_pool, sqlite_store
from shared.adapters.state.documents import SCHEMA, DocumentTooNew
from shared.adapters.state.sqlite_pool import FileTooNew
from shared.adapters.state.sqlite_store import SqliteStore
from shared.ports import Crowd
from tests.support.stored import (
    NOON,
    a_document_of_schema_1,
    a_parked,
    an_entry,
    an_environment,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def first_use(path: Path, number: int) -> None:
    """In its own process: save a record in a file that may not exist yet."""
    store = SqliteStore(path)
    store.save(an_environment(f"p{number}"), None, [an_entry()])
    store.close()


def test_nothing_is_opened_before_the_first_call(path: Path) -> None:
    SqliteStore(path)
    assert not path.exists()


def test_a_new_file_can_be_opened_by_many_threads_at_once(path: Path) -> None:
    barrier = Barrier(8)

    def run(number: int) -> None:
        barrier.wait()
        first_use(path, number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(8)))
    assert_records(path, 8)


def test_a_new_file_can_be_opened_by_several_processes_at_once(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=first_use, args=(path, n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert_records(path, 3)


def test_the_first_connection_waits_for_a_writer(path: Path) -> None:
    # While a file is not in WAL mode, SQLite rejects the switch at once, whatever its timeout.
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, other.execute, ["COMMIT"])
    done.start()
    first_use(path, 1)
    done.join()
    other.close()
    assert_records(path, 1)


def assert_records(path: Path, count: int) -> None:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT count(*) FROM environments").fetchone()
    connection.close()
    assert found == (count,)


def test_writes_survive_power_loss_and_readers_do_not_wait(store: SqliteStore, path: Path) -> None:
    environment = an_environment()
    store.save(environment, None, [])
    with store._pool.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.load(environment.key) is not None
    other.close()


def test_the_wait_for_another_write_is_bounded(path: Path) -> None:
    store = SqliteStore(path, busy_seconds=0.05)
    store.page(1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.save(an_environment(), None, [])
    other.execute("ROLLBACK")
    store.save(an_environment(), None, [])
    other.close()
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(store: SqliteStore, path: Path) -> None:
    environment = an_environment(grace_seconds=0)
    version = store.save(environment, None, [])
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store._pool._lock:  # as another thread may do at the time of the fork
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that waits for its parent's lock would never end
        status = 1
        try:
            changed = msgspec.structs.replace(environment, grace_seconds=1)
            store.save(changed, version, [an_entry("from the child")])
            status = 0 if sqlite_pool._abandoned else 2
        finally:
            os._exit(status)  # skips pytest's exit handlers, which belong to the parent
    release.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stored = store.load(environment.key)
    assert stored is not None
    assert stored.environment.grace_seconds == 1
    assert [entry.text for entry in store.history(environment.key, 9)] == ["from the child"]


def test_threads_share_few_connections_and_closing_closes_them(store: SqliteStore) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: store.load("nobody"), range(10)))
    opened = list(store._pool._opened)
    assert 1 <= len(opened) <= 2
    store.close()
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    assert store.load("nobody") is None


def test_a_failed_write_leaves_no_transaction_behind(store: SqliteStore, path: Path) -> None:
    store.page(1)
    change(path, "DROP TABLE history")
    with pytest.raises(sqlite3.OperationalError, match="history"):
        store.save(an_environment(), None, [an_entry()])
    assert store.load(an_environment().key) is None
    assert store.park(a_parked()) is True


def test_a_file_of_a_newer_release_is_rejected(store: SqliteStore, path: Path) -> None:
    change(path, "PRAGMA user_version = 3")
    with pytest.raises(FileTooNew, match="layout 3, known is 2"):
        store.load("ana")


# The schema of the first release. Never change it: files of that release exist.
FIRST_LAYOUT = """
    CREATE TABLE environments (
        key TEXT PRIMARY KEY, revision INTEGER NOT NULL, phase TEXT NOT NULL, due_at INTEGER,
        document BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX environments_due ON environments (due_at, key) WHERE due_at IS NOT NULL;
    CREATE INDEX environments_phase ON environments (phase, key);
    CREATE TABLE history (
        key TEXT NOT NULL, id TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (key, id)
    ) WITHOUT ROWID;
    CREATE TABLE parked (name TEXT PRIMARY KEY, at INTEGER NOT NULL, document BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE INDEX parked_newest ON parked (at, name);
    PRAGMA user_version = 1;
"""
INSERT = """INSERT INTO environments (key, revision, phase, due_at, document)
    VALUES (?, 3, 'provisioning', 1777896021000000, ?)"""


@pytest.fixture
def old(path: Path) -> Path:
    """A file of the first release: a record in creation, a settled one, an invalid document."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(FIRST_LAYOUT)
    connection.close()
    making = a_document_of_schema_1()
    record = making["record"] | {"key": "settled", "resources": making["record"]["resources"][1:]}
    settled = making | {"key": "settled", "record": record}
    for document in (making, settled, {"schema": 1, "key": "broken"}):
        change(path, INSERT, document["key"], msgspec.json.encode(document))
    return path


def test_a_file_of_an_older_release_is_migrated(store: SqliteStore, old: Path) -> None:
    assert store.creating() == Crowd(creating=1, waiting=0)
    assert store.shortages(NOON) == frozenset()
    stored = store.load(a_document_of_schema_1()["key"])
    assert stored is not None
    assert stored.version == "3"
    settled = msgspec.structs.replace(stored.environment, resources=())
    assert store.save(settled, stored.version, [an_entry()]) == "4"
    assert store.creating() == Crowd(creating=0, waiting=0)


def test_a_migrated_file_has_the_schema_of_a_new_one(
    store: SqliteStore, old: Path, tmp_path: Path
) -> None:
    store.creating()
    new = SqliteStore(tmp_path / "new.db")
    new.creating()
    new.close()
    assert layout(old) == layout(tmp_path / "new.db")


def layout(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    connection.close()
    tidy = [tuple(" ".join(part.split()) for part in row if part) for row in found]
    plain = [tuple(part.replace("( ", "(").replace(" )", ")") for part in row) for row in tidy]
    return [*sorted(plain), (str(version[0]),)]


def test_an_older_file_can_be_opened_by_many_threads_at_once(old: Path) -> None:
    barrier = Barrier(8)

    def run(number: int) -> None:
        barrier.wait()
        first_use(old, number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(8)))
    assert_records(old, 3 + 8)


def test_a_failed_migration_leaves_the_file_unchanged(
    store: SqliteStore, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = layout(old)

    def fail(environment: object) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as broken:
        broken.setattr(documents, "making", fail)
        with pytest.raises(RuntimeError):
            store.creating()
    assert layout(old) == before
    assert store.creating() == Crowd(creating=1, waiting=0)


def test_a_process_of_the_older_release_still_writes_to_a_file_it_has_open(
    store: SqliteStore, old: Path
) -> None:
    other = sqlite3.connect(old, isolation_level=None)
    other.execute("SELECT 1 FROM environments").fetchone()
    store.creating()
    document = a_document_of_schema_1() | {"key": "ben-2"}
    other.execute(INSERT, ("ben-2", msgspec.json.encode(document)))
    other.close()
    assert store.load("ben-2") is not None


def test_a_record_of_a_newer_release_does_not_stop_others(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["ana", "ben", "cleo"]
    keys = sorted(store_one(store, name) for name in names)
    newer = msgspec.json.encode({"schema": SCHEMA + 1, "key": keys[1], "record": {}})
    change(path, "UPDATE environments SET document = ? WHERE key = ?", newer, keys[1])
    with pytest.raises(DocumentTooNew, match=f"has schema {SCHEMA + 1}"):
        store.load(keys[1])
    first = store.due(NOON, 2)
    second = store.due(NOON, 2, first.next)
    assert [e.key for e in (*first.items, *second.items)] == [keys[0], keys[2]]
    assert [vars(record)["action"] for record in caplog.records] == ["document.unreadable"]


def store_one(store: SqliteStore, name: str) -> str:
    environment = an_environment(name, due_at=NOON)
    store.save(environment, None, [])
    return environment.key


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("_DUE", "environments_due"),
        ("_PHASE", "environments_phase"),
        ("_PARKED", "parked_newest"),
        ("_CROWD", "environments_making"),
        ("_SHORTAGES", "shortages_until"),
    ],
)
def test_listings_use_an_index_without_sorting(
    store: SqliteStore, statement: str, index: str
) -> None:
    sql = getattr(sqlite_store, statement)
    with store._pool.reading() as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    text = " / ".join(row[3] for row in plan)
    assert index in text
    assert "TEMP B-TREE" not in text
    assert "SCAN" not in text
