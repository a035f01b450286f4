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
from typing import Any

import msgspec
import pytest

from shared.adapters.state import sqlite_pool, sqlite_store
from shared.adapters.state.documents import SCHEMA, DocumentTooNew, DocumentUnreadable
from shared.adapters.state.sqlite_queries import count_of, page_of
from shared.adapters.state.sqlite_store import SqliteStore
from shared.domain.status import Health, Phase
from shared.ports import Filter, Stored
from tests.support.grouped_fields import replace
from tests.support.stored import NOON, a_parked, an_entry, an_environment


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


@pytest.mark.slow
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


def test_the_wait_for_another_write_is_limited(path: Path) -> None:
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
            changed = replace(environment, grace_seconds=1)
            store.save(changed, version, [an_entry("from the child")])
            status = 0 if sqlite_pool._abandoned else 2
        finally:
            os._exit(status)  # skips pytest's exit handlers, which belong to the parent
    release.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stored = store.load(environment.key)
    assert stored is not None
    assert stored.environment.terms.grace_seconds == 1
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
    assert store.find(["ana@example.com"]) == ()
    assert store.park(a_parked()) is True


def test_a_merge_that_fails_halfway_leaves_both_records_as_they_were(
    store: SqliteStore, path: Path
) -> None:
    both = [an_environment(name) for name in ("ana", "ben")]
    ana, ben = (Stored(each, store.save(each, None, [])) for each in both)
    change(
        path, "CREATE TRIGGER full BEFORE INSERT ON history BEGIN SELECT raise(ABORT, 'full'); END"
    )
    swapped = [msgspec.structs.replace(each.environment, addresses=()) for each in (ana, ben)]
    with pytest.raises(sqlite3.IntegrityError, match="full"):
        store.save_merged(
            Stored(swapped[0], ana.version), Stored(swapped[1], ben.version), ([], [an_entry()])
        )
    assert store.find(["ana@example.com", "ben@example.com"]) == (ana, ben)


def test_a_record_of_a_newer_release_does_not_stop_others(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["ana", "ben", "cleo"]
    keys = sorted(store_one(store, name) for name in names)
    newer = msgspec.json.encode({"schema": SCHEMA + 1, "key": keys[1], "record": {}})
    change(path, "UPDATE environments SET document = ? WHERE key = ?", newer, keys[1])
    with pytest.raises(DocumentTooNew, match=f"has schema {SCHEMA + 1}"):
        store.load(keys[1])
    with pytest.raises(DocumentTooNew):
        store.find(["ana@example.com", "ben@example.com", "cleo@example.com"])
    first = store.due(NOON, 2)
    second = store.due(NOON, 2, first.next)
    assert [e.key for e in (*first.items, *second.items)] == [keys[0], keys[2]]
    assert [vars(record)["action"] for record in caplog.records] == ["document.unreadable"]


def test_a_record_that_cannot_be_read_is_not_overlooked_by_find(
    store: SqliteStore, path: Path
) -> None:
    key = store_one(store, "ana")
    store_one(store, "ben")
    change(path, "UPDATE environments SET document = ? WHERE key = ?", b'{"schema": 1}', key)
    with pytest.raises(DocumentUnreadable):
        store.find(["ana@example.com", "ben@example.com"])
    assert len(store.find(["ben@example.com"])) == 1


def store_one(store: SqliteStore, name: str) -> str:
    environment = an_environment(name, due_at=NOON)
    store.save(environment, None, [])
    return environment.key


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("_DUE", "environments_due"),
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


@pytest.mark.parametrize(
    ("only", "index"),
    [
        ({}, "PRIMARY KEY"),
        ({"phase": Phase.READY}, "environments_phase"),
        ({"health": Health.OK}, "environments_health"),
        ({"phase": Phase.READY, "health": Health.OK}, "environments_"),
        ({"profile": "x"}, "environments_profile"),
        ({"team": "x"}, "environments_team"),
        ({"cost_center": "x"}, "environments_cost_center"),
        ({"held": True}, "environments_held"),
        ({"running": True}, "environments_running"),
        ({"merged": False}, "environments_merged"),
        ({"problem": "X"}, "problems USING PRIMARY KEY (code=? AND key>?)"),
        ({"problem": "X", "held": True}, "problems USING PRIMARY KEY (code=? AND key>?)"),
        ({"leaves_before": NOON}, "environments_leaves_at ((leaves_at,key)>(?,?)"),
        ({"removal_before": NOON}, "environments_removal_at ((removal_at,key)>(?,?)"),
        (
            {"leaves_before": NOON, "removal_before": NOON},
            "environments_leaves_at ((leaves_at,key)>(?,?)",
        ),
        (
            {"leaves_before": NOON, "team": "x", "problem": "X"},
            "environments_leaves_at ((leaves_at,key)>(?,?)",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_pages_and_counts_use_an_index_without_sorting(
    store: SqliteStore, only: dict[str, Any], index: str
) -> None:
    statement, _, by = page_of(Filter(**only))
    text = plan(store, statement)
    assert index in text
    assert by or "key>?" in text
    assert "TEMP B-TREE" not in text
    assert "SCAN" not in text
    counted = plan(store, count_of(Filter(**only))[0])
    assert "SCAN" not in counted or not only


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("_NEXT_PROFILE", "environments_profile (profile>?)"),
        ("_NEXT_PROBLEM", "problems USING PRIMARY KEY (code>?)"),
        ("_UNCHANGED", "unchanged_newest"),
        ("_UNCHANGED verb = ? AND ", "unchanged_verb (verb=?"),
    ],
)
def test_other_lists_use_an_index_without_sorting(
    store: SqliteStore, statement: str, index: str
) -> None:
    name, _, condition = statement.partition(" ")
    text = plan(store, getattr(sqlite_store, name).format(filters=condition))
    assert index in text
    assert "TEMP B-TREE" not in text
    assert "SCAN" not in text


def plan(store: SqliteStore, sql: str) -> str:
    with store._pool.reading() as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    return " / ".join(row[3] for row in rows)


def test_finding_a_person_uses_two_indexes(store: SqliteStore) -> None:
    sql = sqlite_store._FIND.format(emails="?, ?")
    with store._pool.reading() as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).fetchall()
    text = " / ".join(row[3] for row in plan)
    assert "SEARCH addresses USING PRIMARY KEY (email=?)" in text
    assert "environments_person (person_id=?)" in text
    assert "SCAN" not in text
    assert "ORDER BY" not in text
