"""The tables of the SQLite file, and the changes by which an older file gets them.

Never change a layout that has been released; add one.
"""

from __future__ import annotations

import sqlite3

import msgspec

from shared.adapters.state import documents, filters
from shared.adapters.state.cursors import microseconds
from shared.adapters.state.documents import Document, DocumentUnreadable

_FIRST = (
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

# A partial index has no entries of the many records without a value.
_TEXTS = ("profile", "team", "cost_center")
_NUMBERS = ("held", "running", "merged", "leaves_at", "removal_at")
_FILTERS = (
    *(f"ALTER TABLE environments ADD COLUMN {column} TEXT" for column in _TEXTS),
    *(f"ALTER TABLE environments ADD COLUMN {column} INTEGER" for column in _NUMBERS),
    *(
        f"CREATE INDEX environments_{column} ON environments ({column}, key)"
        f" WHERE {column} IS NOT NULL"
        for column in (*_TEXTS, *_NUMBERS)
    ),
    """CREATE TABLE problems (
        code TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (code, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX problems_key ON problems (key)",
    """CREATE TABLE unchanged (
        name TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        verb TEXT NOT NULL,
        document BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX unchanged_newest ON unchanged (at, name)",
    "CREATE INDEX unchanged_verb ON unchanged (verb, at, name)",
)


def _lay_out(connection: sqlite3.Connection) -> None:
    for statement in _FIRST:
        connection.execute(statement)


def _add_filters(connection: sqlite3.Connection) -> None:
    """Columns to filter by, filled from the records; a list of events that changed nothing."""
    for statement in _FILTERS:
        connection.execute(statement)
    for key, blob in connection.execute("SELECT key, document FROM environments").fetchall():
        try:
            record = documents.decode_environment(msgspec.json.decode(blob, type=Document))
        except DocumentUnreadable:
            continue  # lists leave it out, too
        fields = documents.filter_fields(record)
        for column in (*_TEXTS, *_NUMBERS):
            value = fields[column]
            if column in filters.TIMES and value is not None:
                value = microseconds(value)
            statement = f"UPDATE environments SET {column} = ? WHERE key = ?"
            connection.execute(statement, (value, key))
        for code in fields[filters.PROBLEMS]:
            connection.execute("INSERT INTO problems (code, key) VALUES (?, ?)", (code, key))


LAYOUTS = (_lay_out, _add_filters)
