"""Connections to one SQLite file, shared safely by threads, processes and forks.

A connection is used by one thread at a time and kept for the next. After a fork the child must
not touch its parent's connections, not even to close them (sqlite.org/howtocorrupt.html, 2.6): it
puts them aside, unclosed, for as long as it lives.

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
    """The SQLite file was laid out by a newer release; use that one, or another file."""


class Pool:
    """Connections to ``path``, whose tables are as they should be before the first is handed out.

    ``layouts`` lead there: the first fills a file just made, each further one changes what the one
    before left, so that a new file and one of an older release come to be the same. How many were
    gone through is kept in the file (``user_version``); never change one that has been released.
    Opens nothing until asked. ``busy_seconds`` bounds the wait for somebody else's write.
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
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction: committed at the end, undone by an exception."""
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
        """Close what is not in use just now; what is closes when it is given back."""
        with self._lock:
            idle, self._idle, self._opened = self._idle, [], []
        for connection in idle:
            connection.close()

    def abandon(self) -> None:
        """Forget the connections without closing them, and start anew: we are a forked child."""
        _abandoned.extend(self._opened)
        self._start_empty()  # the lock too: the thread that may have held it is not in the child

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = self._open()
        with self._lock:
            self._opened.append(connection)
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if connection in self._opened:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        # No implicit transactions (isolation_level None): every BEGIN is ours, and visible.
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
        # A message is acknowledged once its intent is stored, so a commit must survive power loss.
        connection.execute("PRAGMA synchronous = FULL")
        known = len(self._layouts)
        if _file_version(connection) == known:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _file_version(connection)  # again, now that nobody else can be at it
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
        """WAL stays with the file. SQLite refuses the switch at once while somebody else writes."""
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


if hasattr(os, "register_at_fork"):  # not where there is no fork
    os.register_at_fork(after_in_child=_abandon_all)
