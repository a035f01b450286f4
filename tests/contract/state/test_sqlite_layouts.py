"""Files of other releases: an older one is brought up to date once, a newer one is refused.

No layout but the first has been released, so the later ones are invented.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from shared.adapters.state import sqlite_store
from shared.adapters.state.sqlite_pool import FileTooNew
from shared.adapters.state.sqlite_store import SqliteStore
from tests.support.stored import an_entry, an_environment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def add_notes(connection: sqlite3.Connection) -> None:
    """The second layout: a column filled from what is there, and an index of it."""
    connection.execute("ALTER TABLE environments ADD COLUMN note TEXT")
    connection.execute("UPDATE environments SET note = 'from ' || key")
    connection.execute("CREATE INDEX environments_note ON environments (note)")


def add_owls(connection: sqlite3.Connection) -> None:
    """The third layout."""
    connection.execute("CREATE TABLE owls (name TEXT PRIMARY KEY) WITHOUT ROWID")


def with_layouts(monkeypatch: pytest.MonkeyPatch, *later: object) -> None:
    """From now on this is a release that knows these layouts besides the first."""
    monkeypatch.setattr(sqlite_store, "_LAYOUTS", (sqlite_store._lay_out, *later))


@pytest.fixture
def old(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the first layout with two records in it; the release is that of the third."""
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
    with pytest.raises(FileTooNew, match="layout 3, known is 1"):
        store.load("ana")
    assert layout(old)[-1] == ("3",)


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
    assert layout(old)[-1] == ("3",)


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
