"""Connections to one SQLite file, safe with threads, processes and forks.

A connection is used by one thread at a time and then reused. After a fork the child must not use
its parent's connections, not even to close them (sqlite.org/howtocorrupt.html, 2.6): it keeps them
open and unused until it ends.

This module must not know what the tables mean.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

Layout = Callable[[sqlite3.Connection], None]

_abandoned: list[sqlite3.Connection] = []


class FileTooNew(Exception):
    """The SQLite file has the schema of a newer release; use that release or another file."""


class Pool:
    """Connections to ``path``; its schema is up to date before the first connection is returned.

    ``layouts`` are the migrations, in order: the first creates the tables of a new file, each
    further one changes the schema of the one before. The number of applied ones is stored in the
    file (``user_version``); never change one that has been released. Nothing is opened before the
    first use. ``busy_seconds``: the longest wait for another connection's write.
    """

    def __init__(self, path: Path, layouts: Sequence[Layout], *, busy_seconds: float) -> None:
        self._path = path
        self._layouts = layouts
        self._busy_seconds = busy_seconds
        self._start_empty()
        _pools.add(self)

    def _start_empty(self) -> None:
        self._lock = Lock()
        self._opened: list[sqlite3.Connection] = []
        self._idle: list[sqlite3.Connection] = []

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one statement that only reads."""
        connection = self._borrow()
        try:
            yield connection
        finally:
            self._return(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction: committed at the end, rolled back after an exception."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are returned."""
        with self._lock:
            idle, self._idle, self._opened = self._idle, [], []
        for connection in idle:
            connection.close()

    def abandon(self) -> None:
        """In a forked child: drop the connections without closing them, and start with none."""
        _abandoned.extend(self._opened)
        self._start_empty()  # with a new lock: a thread of the parent may have held the old one

    def _borrow(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = self._open()
        with self._lock:
            self._opened.append(connection)
        return connection

    def _return(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if connection in self._opened:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        # No implicit transactions (isolation_level None): every BEGIN is explicit.
        connection = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._switch_to_wal(connection)
        # A message is acknowledged once its intent is stored, so commits must survive power loss.
        connection.execute("PRAGMA synchronous = FULL")
        known = len(self._layouts)
        if _file_version(connection) == known:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _file_version(connection)  # again, under the write lock
            if version > known:
                raise FileTooNew(f"{self._path} has layout {version}, known is {known}")
            for layout in self._layouts[version:]:
                layout(connection)
            connection.execute(f"PRAGMA user_version = {known}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        """Set WAL mode, which is stored in the file. SQLite fails at once during another write."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)


def _file_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _abandon_all() -> None:
    for pool in list(_pools):
        pool.abandon()


if hasattr(os, "register_at_fork"):  # absent where the system has no fork
    os.register_at_fork(after_in_child=_abandon_all)
