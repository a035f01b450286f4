"""The environment store in one SQLite file: the embedded default, which needs nothing installed.

Several processes and threads share the file. Every write is one ``BEGIN IMMEDIATE`` transaction,
so that nothing changes between the two parts of a compare-and-swap. Readers don't block it (WAL).
The version of a record is its revision, which counts the saves.

It opens nothing before the first call, because the servers import first and fork afterwards. This
module must not know what a record means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from shared.adapters.state import cursors, documents
from shared.adapters.state.cursors import Position, microseconds, one_more
from shared.adapters.state.documents import Document, Making
from shared.adapters.state.sqlite_pool import Pool
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.status import Health, Phase
from shared.ports import MOST_FOUND, Claimed, Conflict, Crowd, Page, Stored

_TABLES = (
    """CREATE TABLE environments (
        key TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        person_id TEXT,
        phase TEXT NOT NULL,
        health TEXT NOT NULL,
        making TEXT,
        due_at INTEGER,
        document BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX environments_person ON environments (person_id) WHERE person_id IS NOT NULL",
    "CREATE INDEX environments_phase ON environments (phase, key)",
    "CREATE INDEX environments_health ON environments (health, key)",
    "CREATE INDEX environments_making ON environments (making) WHERE making IS NOT NULL",
    "CREATE INDEX environments_due ON environments (due_at, key) WHERE due_at IS NOT NULL",
    """CREATE TABLE addresses (
        email TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (email, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX addresses_key ON addresses (key)",
    """CREATE TABLE history (
        key TEXT NOT NULL,
        id TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (key, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE parked (
        name TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        document BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX parked_newest ON parked (at, name)",
    """CREATE TABLE shortages (
        what TEXT PRIMARY KEY,
        until INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX shortages_until ON shortages (until)",
)

_CREATE = """INSERT INTO environments
        (key, revision, person_id, phase, health, making, due_at, document)
    VALUES (:key, 1, :person_id, :phase, :health, :making, :due_at, :document)
    ON CONFLICT (key) DO NOTHING RETURNING revision"""
_REPLACE = """UPDATE environments
    SET revision = revision + 1, person_id = :person_id, phase = :phase, health = :health,
        making = :making, due_at = :due_at, document = :document
    WHERE key = :key AND revision = :revision RETURNING revision"""
_ADDRESSES = "SELECT email FROM addresses WHERE key = ?"
_ADD_ADDRESS = "INSERT INTO addresses (email, key) VALUES (?, ?)"
_DROP_ADDRESS = "DELETE FROM addresses WHERE email = ? AND key = ?"
_FIND = """SELECT document, revision FROM environments WHERE key IN (
        SELECT key FROM addresses WHERE email IN ({emails})
        UNION SELECT key FROM environments WHERE person_id = ?
    ) ORDER BY key LIMIT ?"""
_APPEND = "INSERT OR IGNORE INTO history (key, id, document) VALUES (?, ?, ?)"
_DUE = """SELECT key, document, due_at FROM environments
    WHERE due_at <= ? AND (due_at, key) > (?, ?) ORDER BY due_at, key LIMIT ?"""
_PAGE = "SELECT key, document FROM environments WHERE {filters}key > ? ORDER BY key LIMIT ?"
_HISTORY = "SELECT document FROM history WHERE key = ? ORDER BY id DESC LIMIT ?"
_PARKED = """SELECT name, document, at FROM parked
    WHERE (at, name) < (?, ?) ORDER BY at DESC, name DESC LIMIT ?"""
_CROWD = "SELECT making, count(*) FROM environments WHERE making IN (?, ?) GROUP BY making"
_MAKING = (Making.CREATING.value, Making.WAITING.value)
_SHORTAGES = "SELECT what FROM shortages WHERE until > ?"
_REPORT = """INSERT INTO shortages (what, until) VALUES (?, ?)
    ON CONFLICT (what) DO UPDATE SET until = max(until, excluded.until)"""

# Sort positions before the first item, where a listing starts, and after the last one.
_FIRST = -(2**63)
_LAST = 2**63 - 1


class SqliteStore:
    """``EnvironmentStore`` in the file at ``path``, which is created at the first use.

    ``busy_seconds``: how long a write waits for other writes before it fails with
    ``sqlite3.OperationalError``. A process need not close it before it ends.
    """

    def __init__(self, path: str | Path, *, busy_seconds: float = 10.0) -> None:
        self._pool = Pool(Path(path), _LAYOUTS, busy_seconds=busy_seconds)

    def close(self) -> None:
        """Close every connection; the next call opens one again."""
        self._pool.close()

    def load(self, key: str) -> Stored | None:
        rows = self._read("SELECT document, revision FROM environments WHERE key = ?", key)
        return _stored(rows[0]) if rows else None

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        return self._saved(environment, version, entries, counts=False).version

    def claim(
        self, environment: Environment, version: str | None, entries: Sequence[Entry]
    ) -> Claimed:
        return self._saved(environment, version, entries, counts=True)

    def recount(self, claimed: Claimed, creating: int) -> None:
        """Does nothing: each claim counts the records themselves."""

    def find(self, emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        statement = _FIND.format(emails=", ".join("?" * len(emails)))
        rows = self._read(statement, *emails, person_id, MOST_FOUND)
        return tuple(map(_stored, rows))

    def save_merged(
        self, record: Stored, duplicate: Stored, entries: tuple[Sequence[Entry], Sequence[Entry]]
    ) -> str:
        both = [
            _rows(stored.environment, stored.version, new)
            for stored, new in zip((record, duplicate), entries, strict=True)
        ]
        with self._pool.writing() as connection:
            version, _ = [_write(connection, rows) for rows in both]
        return version

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        history = _history_rows(key, entries)
        with self._pool.writing() as connection:
            connection.executemany(_APPEND, history)

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        start = (_FIRST, "")
        if after:
            position = cursors.unpack_position("due", after)
            start = (microseconds(position.at), position.name)
        rows = self._read(_DUE, microseconds(documents.in_utc(now)), *start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_environment)
        return Page(items, _next_position("due", rows, limit))

    def page(
        self,
        limit: int,
        after: str = "",
        phase: Phase | None = None,
        health: Health | None = None,
    ) -> Page[Environment]:
        start = cursors.unpack_name("page", after) if after else ""
        filters = {"phase": phase, "health": health}
        asked = {column: value.value for column, value in filters.items() if value is not None}
        rows = self._read(_page_of(asked), *asked.values(), start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_environment)
        more = len(rows) > limit
        return Page(items, cursors.pack_name("page", rows[limit - 1][0]) if more else "")

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        rows = self._read(_HISTORY, key, limit)
        return documents.readable((_document(row[0]) for row in rows), documents.decode_entry)

    def creating(self) -> Crowd:
        return _crowd(self._read(_CROWD, *_MAKING))

    def shortages(self, now: datetime) -> frozenset[str]:
        rows = self._read(_SHORTAGES, microseconds(documents.in_utc(now)))
        return frozenset(row[0] for row in rows)

    def report_shortage(self, what: str, until: datetime) -> None:
        row = (what, microseconds(documents.in_utc(until)))
        with self._pool.writing() as connection:
            connection.execute(_REPORT, row)

    def park(self, parked: Parked) -> bool:
        document = documents.encode_parked(parked)
        row = (documents.parked_name(parked.id), microseconds(document["at"]), _blob(document))
        with self._pool.writing() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO parked (name, at, document) VALUES (?, ?, ?)", row
            )
            return done.rowcount == 1

    def parked(self, limit: int, after: str = "") -> Page[Parked]:
        start = (_LAST, "")
        if after:
            position = cursors.unpack_position("parked", after)
            start = (microseconds(position.at), position.name)
        rows = self._read(_PARKED, *start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_parked)
        return Page(items, _next_position("parked", rows, limit))

    def _saved(
        self,
        environment: Environment,
        version: str | None,
        entries: Sequence[Entry],
        *,
        counts: bool,
    ) -> Claimed:
        rows = _rows(environment, version, entries)
        with self._pool.writing() as connection:
            saved = _write(connection, rows)
            if not counts:
                return Claimed(saved)
            crowd = _crowd(connection.execute(_CROWD, _MAKING))
        waited_at = environment.updated_at if crowd.waiting else None
        return Claimed(saved, crowd.creating, waited_at)

    def _read(self, statement: str, *values: object) -> list[Any]:
        with self._pool.reading() as connection:
            return connection.execute(statement, values).fetchall()


def _lay_out(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


_LAYOUTS = (_lay_out,)


def _page_of(columns: Iterable[str]) -> str:
    """The statement for a page of records, filtered by a value in each of ``columns``."""
    return _PAGE.format(filters="".join(f"{column} = ? AND " for column in columns))


class _Rows(NamedTuple):
    """What a save writes: the row of the record, its addresses, the rows of its new entries."""

    environment: dict[str, Any]
    addresses: list[str]
    history: list[tuple[str, str, bytes]]


def _rows(environment: Environment, version: str | None, entries: Sequence[Entry]) -> _Rows:
    document = documents.encode_environment(environment)
    due_at = document["due_at"]
    row = {
        "key": environment.key,
        "person_id": document["person_id"],
        "phase": document["phase"],
        "health": document["health"],
        "making": document["making"],
        "due_at": None if due_at is None else microseconds(due_at),
        "document": _blob(document),
        "revision": version and int(version),
    }
    return _Rows(row, document["addresses"], _history_rows(environment.key, entries))


def _write(connection: sqlite3.Connection, rows: _Rows) -> str:
    """Write a record within a transaction; returns its new version, or raises ``Conflict``."""
    row = rows.environment
    key, revision = row["key"], row["revision"]
    saved = connection.execute(_CREATE if revision is None else _REPLACE, row).fetchone()
    if saved is None:
        raise Conflict(f"{key} is not at version {revision or '(none)'}")
    stored = {each[0] for each in connection.execute(_ADDRESSES, (key,))}
    named = set(rows.addresses)
    connection.executemany(_DROP_ADDRESS, [(email, key) for email in stored - named])
    connection.executemany(_ADD_ADDRESS, [(email, key) for email in named - stored])
    connection.executemany(_APPEND, rows.history)
    return str(saved[0])


def _stored(row: Any) -> Stored:
    document, revision = row
    return Stored(documents.decode_environment(_document(document)), str(revision))


def _crowd(rows: Iterable[Any]) -> Crowd:
    counts = dict(rows)
    return Crowd(counts.get(Making.CREATING, 0), counts.get(Making.WAITING, 0))


def _blob(document: Document) -> bytes:
    return msgspec.json.encode(document)


def _document(blob: bytes) -> Document:
    return msgspec.json.decode(blob, type=Document)


def _documents(rows: Iterable[Any]) -> Iterable[Document]:
    return (_document(row[1]) for row in rows)


def _history_rows(key: str, entries: Sequence[Entry]) -> list[tuple[str, str, bytes]]:
    return [
        (key, documents.entry_id(entry, index), _blob(documents.encode_entry(key, entry)))
        for index, entry in enumerate(entries)
    ]


def _next_position(listing: str, rows: Sequence[Any], limit: int) -> str:
    """The cursor of the next page, or ''; one row more than ``limit`` shows that there is one."""
    if len(rows) <= limit:
        return ""
    name, _, at = rows[limit - 1]
    return cursors.pack_position(listing, Position(cursors.from_microseconds(at), name))
