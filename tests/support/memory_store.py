"""The environment store in memory, for simulations: the port's contract with a hook to crash at.

It keeps encoded documents, so that what a real store could not keep or give back fails here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

import msgspec

from shared.adapters import cursors, documents
from shared.adapters.cursors import Position, from_microseconds, microseconds, one_more
from shared.adapters.documents import Making
from shared.domain.environment import Entry, Environment, Parked, Phase
from shared.ports import Conflict, Crowd, Page, Stored

Hook = Callable[[str], None]


class _Row(msgspec.Struct, frozen=True):
    """One record as kept: its version, what listings go by, and the encoded document."""

    revision: int
    phase: str
    making: str | None
    due_at: int | None
    document: bytes


class MemoryStore:
    """``EnvironmentStore`` in dicts.

    ``on_write`` is called with ``before:save`` and ``after:save`` (likewise ``append``,
    ``park`` and ``shortage``) around every write, and with ``before:load``. What it raises is the
    caller's crash: at ``before`` nothing was written, at ``after`` everything was. A ``save`` that
    ends in ``Conflict`` has no ``after``. The hook may use the store itself: no lock is held
    meanwhile.
    """

    def __init__(self, on_write: Hook | None = None) -> None:
        self.on_write = on_write
        self._lock = Lock()
        self._environments: dict[str, _Row] = {}
        self._history: dict[str, dict[str, bytes]] = {}
        self._parked: dict[str, tuple[int, bytes]] = {}
        self._shortages: dict[str, int] = {}

    def load(self, key: str) -> Stored | None:
        self._tell("before:load")
        with self._lock:
            row = self._environments.get(key)
        if row is None:
            return None
        return Stored(_environment(row.document), str(row.revision))

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        document = documents.encode_environment(environment)
        blob = msgspec.json.encode(document)
        due_at = document["due_at"]
        due = None if due_at is None else microseconds(due_at)
        history = _encoded(environment.key, entries)
        self._tell("before:save")
        with self._lock:
            row = self._environments.get(environment.key)
            if (str(row.revision) if row else None) != version:
                raise Conflict(f"{environment.key} is not at version {version or '(none)'}")
            revision = row.revision + 1 if row else 1
            self._environments[environment.key] = _Row(
                revision, document["phase"], document["making"], due, blob
            )
            self._history.setdefault(environment.key, {}).update(history)
        self._tell("after:save")
        return str(revision)

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        history = _encoded(key, entries)
        self._tell("before:append")
        with self._lock:
            self._history.setdefault(key, {}).update(history)
        self._tell("after:append")

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        until = microseconds(documents.in_utc(now))
        with self._lock:
            rows = [
                (row.due_at, key, row.document)
                for key, row in self._environments.items()
                if row.due_at is not None and row.due_at <= until
            ]
        if after:
            position = cursors.unpack_position("due", after)
            start = (microseconds(position.at), position.name)
            rows = [row for row in rows if row[:2] > start]
        found = sorted(rows)[: one_more(limit)]
        return Page(
            tuple(_environment(row[2]) for row in found[:limit]),
            _next_position("due", found, limit),
        )

    def page(self, limit: int, after: str = "", phase: Phase | None = None) -> Page[Environment]:
        start = cursors.unpack_name("page", after) if after else ""
        with self._lock:
            rows = [
                (key, row.document)
                for key, row in self._environments.items()
                if key > start and (phase is None or row.phase == phase.value)
            ]
        found = sorted(rows)[: one_more(limit)]
        more = len(found) > limit
        return Page(
            tuple(_environment(row[1]) for row in found[:limit]),
            cursors.pack_name("page", found[limit - 1][0]) if more else "",
        )

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        with self._lock:
            entries = dict(self._history.get(key, {}))
        newest = sorted(entries, reverse=True)[:limit]
        return tuple(documents.decode_entry(msgspec.json.decode(entries[id])) for id in newest)

    def creating(self) -> Crowd:
        with self._lock:
            making = [row.making for row in self._environments.values()]
        return Crowd(making.count(Making.CREATING), making.count(Making.WAITING))

    def shortages(self, now: datetime) -> frozenset[str]:
        since_epoch = microseconds(documents.in_utc(now))
        with self._lock:
            return frozenset(what for what, until in self._shortages.items() if until > since_epoch)

    def report_shortage(self, what: str, until: datetime) -> None:
        end = microseconds(documents.in_utc(until))
        self._tell("before:shortage")
        with self._lock:
            self._shortages[what] = max(end, self._shortages.get(what, end))
        self._tell("after:shortage")

    def park(self, parked: Parked) -> bool:
        document = documents.encode_parked(parked)
        row = (microseconds(document["at"]), msgspec.json.encode(document))
        self._tell("before:park")
        with self._lock:
            is_new = self._parked.setdefault(documents.parked_name(parked.id), row) is row
        self._tell("after:park")
        return is_new

    def parked(self, limit: int, after: str = "") -> Page[Parked]:
        with self._lock:
            rows = [(at, name, blob) for name, (at, blob) in self._parked.items()]
        if after:
            position = cursors.unpack_position("parked", after)
            start = (microseconds(position.at), position.name)
            rows = [row for row in rows if row[:2] < start]
        found = sorted(rows, reverse=True)[: one_more(limit)]
        items = (documents.decode_parked(msgspec.json.decode(row[2])) for row in found[:limit])
        return Page(tuple(items), _next_position("parked", found, limit))

    def raw(self, key: str) -> bytes | None:
        """The encoded document of ``key``: the back door for tests."""
        with self._lock:
            row = self._environments.get(key)
        return row.document if row else None

    def raw_shortages(self) -> dict[str, int]:
        """What lacks until when, in microseconds since 1970: the back door for tests."""
        with self._lock:
            return dict(self._shortages)

    def _tell(self, moment: str) -> None:
        if self.on_write is not None:
            self.on_write(moment)


def _environment(blob: bytes) -> Environment:
    return documents.decode_environment(msgspec.json.decode(blob))


def _encoded(key: str, entries: Sequence[Entry]) -> dict[str, bytes]:
    return {
        documents.entry_id(entry, index): msgspec.json.encode(documents.encode_entry(key, entry))
        for index, entry in enumerate(entries)
    }


def _next_position(listing: str, found: Sequence[tuple[int, str, bytes]], limit: int) -> str:
    if len(found) <= limit:
        return ""
    at, name, _ = found[limit - 1]
    return cursors.pack_position(listing, Position(from_microseconds(at), name))
