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

from shared.adapters.state import cursors, documents, filters, sqlite_layouts
from shared.adapters.state.cursors import Position, microseconds, one_more
from shared.adapters.state.documents import Document, Making
from shared.adapters.state.sqlite_pool import Pool
from shared.adapters.state.sqlite_queries import count_of, page_of
from shared.domain.commands.intent import Verb
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry, Unchanged
from shared.ports import ALL, MOST_FOUND, Claimed, Conflict, Crowd, Facet, Filter, Page, Stored

_COLUMNS = ("person_id", *filters.EQUAL, *filters.TIMES, "making", "due_at", "document")
_CREATE = f"""INSERT INTO environments (key, revision, {", ".join(_COLUMNS)})
    VALUES (:key, 1, {", ".join(f":{column}" for column in _COLUMNS)})
    ON CONFLICT (key) DO NOTHING RETURNING revision"""
_REPLACE = f"""UPDATE environments
    SET revision = revision + 1, {", ".join(f"{column} = :{column}" for column in _COLUMNS)}
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
_HISTORY = "SELECT document FROM history WHERE key = ? ORDER BY id DESC LIMIT ?"
_PARKED = """SELECT name, document, at FROM parked
    WHERE (at, name) < (?, ?) ORDER BY at DESC, name DESC LIMIT ?"""
_CROWD = "SELECT making, count(*) FROM environments WHERE making IN (?, ?) GROUP BY making"
_MAKING = (Making.CREATING.value, Making.WAITING.value)
_SHORTAGES = "SELECT what FROM shortages WHERE until > ?"
_REPORT = """INSERT INTO shortages (what, until) VALUES (?, ?)
    ON CONFLICT (what) DO UPDATE SET until = max(until, excluded.until)"""

_UNCHANGED = """SELECT name, document, at FROM unchanged
    WHERE {filters}(at, name) < (?, ?) ORDER BY at DESC, name DESC LIMIT ?"""
_ADD_UNCHANGED = "INSERT OR IGNORE INTO unchanged (name, at, verb, document) VALUES (?, ?, ?, ?)"
_PROBLEMS = "SELECT code FROM problems WHERE key = ?"
_ADD_PROBLEM = "INSERT INTO problems (code, key) VALUES (?, ?)"
_DROP_PROBLEM = "DELETE FROM problems WHERE code = ? AND key = ?"
_NEXT_PROFILE = "SELECT profile FROM environments WHERE profile > ? ORDER BY profile LIMIT 1"
_NEXT_PROBLEM = "SELECT code FROM problems WHERE code > ? ORDER BY code LIMIT 1"

# Sort positions before the first item, where a listing starts, and after the last one.
_FIRST = -(2**63)
_LAST = 2**63 - 1


class SqliteStore:
    """``EnvironmentStore`` in the file at ``path``, which is created at the first use.

    ``busy_seconds``: how long a write waits for other writes before it fails with
    ``sqlite3.OperationalError``. A process need not close it before it ends.
    """

    def __init__(self, path: str | Path, *, busy_seconds: float = 10.0) -> None:
        self._pool = Pool(Path(path), sqlite_layouts.LAYOUTS, busy_seconds=busy_seconds)

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
        history, unchanged = _history_rows(key, entries), _unchanged_rows(key, entries)
        with self._pool.writing() as connection:
            connection.executemany(_APPEND, history)
            connection.executemany(_ADD_UNCHANGED, unchanged)

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        start = (_FIRST, "")
        if after:
            position = cursors.unpack_position("due", after)
            start = (microseconds(position.at), position.name)
        rows = self._read(_DUE, microseconds(documents.in_utc(now)), *start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_environment)
        return Page(items, _next_position("due", rows, limit))

    def page(self, limit: int, after: str = "", only: Filter = ALL) -> Page[Environment]:
        statement, values, by = page_of(only)
        if by:
            return self._page_by_time(statement, values, by, limit, after)
        start = cursors.unpack_name("page", after) if after else ""
        rows = self._read(statement, *values, start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_environment)
        more = len(rows) > limit
        return Page(items, cursors.pack_name("page", rows[limit - 1][0]) if more else "")

    def _page_by_time(
        self, statement: str, values: Sequence[object], by: str, limit: int, after: str
    ) -> Page[Environment]:
        start = (_FIRST, "")
        if after:
            position = cursors.unpack_position(by, after)
            start = (microseconds(position.at), position.name)
        rows = self._read(statement, *values, *start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_environment)
        return Page(items, _next_position(by, rows, limit))

    def count(self, only: Filter) -> int:
        statement, values = count_of(only)
        return int(self._read(statement, *values)[0][0])

    def next_value(self, facet: Facet, after: str = "") -> str:
        rows = self._read(_NEXT_PROFILE if facet is Facet.PROFILE else _NEXT_PROBLEM, after)
        return str(rows[0][0]) if rows else ""

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

    def unchanged(self, limit: int, after: str = "", verb: Verb | None = None) -> Page[Unchanged]:
        start = (_LAST, "")
        if after:
            position = cursors.unpack_position("unchanged", after)
            start = (microseconds(position.at), position.name)
        statement = _UNCHANGED.format(filters="" if verb is None else "verb = ? AND ")
        verbs = () if verb is None else (verb.value,)
        rows = self._read(statement, *verbs, *start, one_more(limit))
        items = documents.readable(_documents(rows[:limit]), documents.decode_unchanged)
        return Page(items, _next_position("unchanged", rows, limit))

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


class _Rows(NamedTuple):
    """What a save writes: the rows of the record, of its addresses and problems, of new entries."""

    environment: dict[str, Any]
    addresses: list[str]
    problems: list[str]
    history: list[tuple[str, str, bytes]]
    unchanged: list[tuple[str, int, str, bytes]]


def _rows(environment: Environment, version: str | None, entries: Sequence[Entry]) -> _Rows:
    document = documents.encode_environment(environment)
    row = {column: document[column] for column in _COLUMNS if column != "document"}
    for time in ("due_at", *filters.TIMES):
        row[time] = None if row[time] is None else microseconds(row[time])
    row |= {"key": environment.key, "revision": version and int(version)}
    row["document"] = _blob(document)
    key = environment.key
    return _Rows(
        row,
        document["addresses"],
        list(document[filters.PROBLEMS]),
        _history_rows(key, entries),
        _unchanged_rows(key, entries),
    )


def _write(connection: sqlite3.Connection, rows: _Rows) -> str:
    """Write a record within a transaction; returns its new version, or raises ``Conflict``."""
    row = rows.environment
    key, revision = row["key"], row["revision"]
    saved = connection.execute(_CREATE if revision is None else _REPLACE, row).fetchone()
    if saved is None:
        raise Conflict(f"{key} is not at version {revision or '(none)'}")
    _replace_all(connection, key, rows.addresses, (_ADDRESSES, _ADD_ADDRESS, _DROP_ADDRESS))
    _replace_all(connection, key, rows.problems, (_PROBLEMS, _ADD_PROBLEM, _DROP_PROBLEM))
    connection.executemany(_APPEND, rows.history)
    connection.executemany(_ADD_UNCHANGED, rows.unchanged)
    return str(saved[0])


def _replace_all(
    connection: sqlite3.Connection,
    key: str,
    values: Iterable[str],
    statements: tuple[str, str, str],
) -> None:
    """Make ``values`` those of ``key`` in a side table.

    ``statements``: what selects them, adds one and drops one.
    """
    select, add, drop = statements
    stored = {each[0] for each in connection.execute(select, (key,))}
    named = set(values)
    connection.executemany(drop, [(value, key) for value in stored - named])
    connection.executemany(add, [(value, key) for value in named - stored])


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


def _unchanged_rows(key: str, entries: Sequence[Entry]) -> list[tuple[str, int, str, bytes]]:
    return [
        (
            documents.unchanged_name(key, entry, index),
            microseconds(documents.in_utc(entry.at)),
            entry.event.verb.value,
            _blob(documents.encode_unchanged(key, entry)),
        )
        for index, entry in enumerate(entries)
        if entry.changed_nothing and entry.event is not None
    ]


def _next_position(listing: str, rows: Sequence[Any], limit: int) -> str:
    """The cursor of the next page, or ''; one row more than ``limit`` shows that there is one."""
    if len(rows) <= limit:
        return ""
    name, _, at = rows[limit - 1]
    return cursors.pack_position(listing, Position(cursors.from_microseconds(at), name))
