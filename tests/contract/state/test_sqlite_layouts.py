"""Files of other releases: an older one is brought up to date once, a newer one is refused.

The layouts after the last one that there is are invented, for what all of them must withstand.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import msgspec
import pytest

from shared.adapters.state import documents, sqlite_layouts
from shared.adapters.state.sqlite_pool import FileTooNew
from shared.adapters.state.sqlite_store import SqliteStore
from shared.ports import Facet, Filter
from tests.support.grouped_fields import replace
from tests.support.stored import NOON, an_entry, an_environment

LAYOUTS = sqlite_layouts.LAYOUTS
NUMBER = len(LAYOUTS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def add_notes(connection: sqlite3.Connection) -> None:
    """A later layout: a column filled from what is there, and an index of it."""
    connection.execute("ALTER TABLE environments ADD COLUMN note TEXT")
    connection.execute("UPDATE environments SET note = 'from ' || key")
    connection.execute("CREATE INDEX environments_note ON environments (note)")


def add_owls(connection: sqlite3.Connection) -> None:
    """One later still."""
    connection.execute("CREATE TABLE owls (name TEXT PRIMARY KEY) WITHOUT ROWID")


def with_layouts(monkeypatch: pytest.MonkeyPatch, *later: object) -> None:
    """From now on this is a release that knows these layouts besides those that there are."""
    monkeypatch.setattr(sqlite_layouts, "LAYOUTS", (*LAYOUTS, *later))


@pytest.fixture
def old(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of this release with two records in it; the release is one with two layouts more."""
    store = SqliteStore(path)
    for name in ("ana", "ben"):
        store.save(an_environment(name), None, [])
    store.close()
    with_layouts(monkeypatch, add_notes, add_owls)
    return path


def layout(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    connection.close()
    tidy = [tuple(" ".join(part.split()) for part in row if part) for row in found]
    return [*sorted(tidy), (str(version[0]),)]


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute(statement).fetchall()
    connection.close()
    return found


def test_a_file_of_a_newer_release_is_refused(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = SqliteStore(old)
    newer.page(1)
    newer.close()
    with_layouts(monkeypatch)
    store = SqliteStore(old)
    with pytest.raises(FileTooNew, match=f"layout {NUMBER + 2}, known is {NUMBER}"):
        store.load("ana")
    assert layout(old)[-1] == (str(NUMBER + 2),)


def test_a_file_of_an_older_release_is_upgraded(old: Path) -> None:
    store = SqliteStore(old)
    [ana] = store.find(["ana@example.com"])
    assert (ana.environment, ana.version) == (an_environment("ana"), "1")
    notes = rows(old, "SELECT note FROM environments ORDER BY key")
    assert notes == [(f"from {an_environment(name).key}",) for name in ("ana", "ben")]
    assert store.save(ana.environment, ana.version, [an_entry()]) == "2"
    store.close()


def test_an_upgraded_file_has_the_layout_of_a_new_one(old: Path, tmp_path: Path) -> None:
    for path in (old, tmp_path / "new.db"):
        store = SqliteStore(path)
        store.page(1)
        store.close()
    assert layout(old) == layout(tmp_path / "new.db")
    assert layout(old)[-1] == (str(NUMBER + 2),)


def test_first_users_of_an_older_file_in_many_threads_all_succeed(old: Path) -> None:
    barrier = Barrier(8)

    def run(number: int) -> None:
        barrier.wait()
        store = SqliteStore(old)
        store.save(an_environment(f"p{number}"), None, [an_entry()])
        store.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, range(8)))
    assert rows(old, "SELECT count(*), count(note) FROM environments") == [(2 + 8, 2)]


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = layout(old)

    def fail(connection: sqlite3.Connection) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as broken:
        with_layouts(broken, add_notes, fail)
        with pytest.raises(RuntimeError, match="on fire"):
            SqliteStore(old).page(1)
    assert layout(old) == before
    store = SqliteStore(old)
    assert len(store.page(9).items) == 2
    store.close()


def test_a_process_of_the_older_release_still_writes_to_a_file_it_has_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = SqliteStore(path)
    older.save(an_environment("ana"), None, [])
    with_layouts(monkeypatch, add_notes)
    store = SqliteStore(path)
    assert store.load(an_environment("ana").key) is not None
    older.save(an_environment("ben"), None, [])
    assert store.load(an_environment("ben").key) is not None
    older.close()
    store.close()


# From the first layout to the one with columns to filter by

FIRST_COLUMNS = "key, revision, person_id, phase, health, making, due_at, document"


@pytest.fixture
def first(path: Path) -> Path:
    """A file of the first layout: one record with a problem, and one that cannot be read."""
    left = an_environment("ana", problem_codes=("X", "Y"), profile="lean", merged_into="ben")
    document = msgspec.json.encode(documents.encode_environment(left))
    connection = sqlite3.connect(path)
    with connection:
        sqlite_layouts._lay_out(connection)
        statement = f"INSERT INTO environments ({FIRST_COLUMNS}) VALUES (?, 3, ?, ?, ?, ?, ?, ?)"
        row = ("p-ana", "provisioning", "ok", None, None)
        connection.execute(statement, (left.key, *row, document))
        connection.execute(statement, ("broken", *row, b'{"schema": 1}'))
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    return path


def test_a_file_of_the_first_layout_gets_the_columns_filled(first: Path) -> None:
    store = SqliteStore(first)
    for only in (
        Filter(problem="X"), Filter(problem="Y"), Filter(profile="lean"), Filter(merged=True),
        Filter(held=True), Filter(running=False),
    ):  # fmt: skip
        assert [e.person.email for e in store.page(9, only=only).items] == ["ana@example.com"]
    assert store.next_value(Facet.PROBLEM, "X") == "Y"
    assert store.unchanged(9).items == ()
    [ana] = store.page(1, only=Filter(problem="X")).items
    store.save(replace(ana, problem_codes=()), "3", [an_entry()])
    assert store.count(Filter(problem="X")) == 0
    store.close()


def test_a_file_of_the_first_layout_gets_the_layout_of_a_new_one(
    first: Path, tmp_path: Path
) -> None:
    for path in (first, tmp_path / "new.db"):
        store = SqliteStore(path)
        store.page(1)
        store.close()
    assert layout(first) == layout(tmp_path / "new.db")


def test_a_process_of_the_first_layout_still_writes_to_a_file_it_has_open(first: Path) -> None:
    older = sqlite3.connect(first)
    older.execute("SELECT 1 FROM environments")
    store = SqliteStore(first)
    store.page(1)
    ben = an_environment("ben", due_at=NOON)
    document = msgspec.json.encode(documents.encode_environment(ben))
    with older:
        older.execute(
            f"INSERT INTO environments ({FIRST_COLUMNS}) VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
            (ben.key, "p-ben", "ready", "ok", None, None, document),
        )
    older.close()
    stored = store.load(ben.key)
    assert stored is not None
    assert store.count(Filter(held=True)) == 1, "what it writes has no values to filter by"
    store.save(ben, stored.version, ())
    assert store.count(Filter(held=True)) == 2
    store.close()
