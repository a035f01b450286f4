"""The environment store in memory, for simulations: the port's contract with a hook to crash at.

What is saved is encoded and decoded once, so that what a real store could not keep or give back
fails here too; what is kept is the decoded value. A simulation of very many lives checks only a
sample (``checked_one_in``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

import msgspec
from msgspec.structs import force_setattr

from shared.adapters.state import cursors, documents, filters
from shared.adapters.state.cursors import Position, from_microseconds, microseconds, one_more
from shared.adapters.state.documents import Making
from shared.domain.commands.intent import Verb
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry, Unchanged
from shared.ports import ALL, MOST_FOUND, Claimed, Conflict, Crowd, Facet, Filter, Page, Stored

Hook = Callable[[str], None]
# Sorts as the names of stored entries do: by time, then by place in the call.
_EntryName = tuple[datetime, int, str, str, str, str]

_VERSIONS = 64  # of each record that can come back from a backup


class _Row(msgspec.Struct, frozen=True):
    """One record as kept: its version, what listings go by, and the decoded record."""

    revision: int
    making: str | None
    due_at: datetime | None
    environment: Environment
    addresses: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Work out the addresses once: ``find`` compares those of every row."""
        force_setattr(self, "addresses", frozenset(self.environment.known_addresses))


class MemoryStore:
    """``EnvironmentStore`` in dicts.

    ``on_write`` is called with ``before:save`` and ``after:save`` (of claims, too; likewise
    ``merge``, ``append``, ``park`` and ``shortage``) around every write, and with ``before:load``
    and ``before:find``.
    What it raises is the caller's crash: at ``before`` nothing was written, at ``after`` everything
    was. A ``save`` that ends in ``Conflict`` has no ``after``. The hook may use the store itself:
    no lock is held meanwhile. ``checked_one_in``: one in so many records is encoded and decoded on
    its way in.
    """

    def __init__(self, on_write: Hook | None = None, *, checked_one_in: int = 1) -> None:
        self.on_write = on_write
        self._lock = Lock()
        self._checked_one_in = checked_one_in
        self._saves = 0
        self._environments: dict[str, _Row] = {}
        self._versions: dict[str, deque[Environment]] = {}
        self._history: dict[str, dict[_EntryName, Entry]] = {}
        self._parked: dict[str, tuple[int, bytes]] = {}
        self._unchanged: dict[str, Unchanged] = {}
        self._shortages: dict[str, int] = {}

    def load(self, key: str) -> Stored | None:
        self._tell("before:load")
        with self._lock:
            row = self._environments.get(key)
        return None if row is None else Stored(row.environment, str(row.revision))

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        return self._saved(environment, version, entries, counts=False).version

    def claim(
        self, environment: Environment, version: str | None, entries: Sequence[Entry]
    ) -> Claimed:
        return self._saved(environment, version, entries, counts=True)

    def recount(self, claimed: Claimed, creating: int) -> None:
        """Nothing: the records themselves are counted."""

    def _saved(
        self,
        environment: Environment,
        version: str | None,
        entries: Sequence[Entry],
        *,
        counts: bool,
    ) -> Claimed:
        environment, entries = self._as_stored(environment, entries)
        making = documents.making(environment)
        due_at = environment.status.due_at
        self._tell("before:save")
        with self._lock:
            row = self._environments.get(environment.key)
            if (str(row.revision) if row else None) != version:
                raise Conflict(f"{environment.key} is not at version {version or '(none)'}")
            revision = self._saves
            self._environments[environment.key] = _Row(revision, making, due_at, environment)
            self._remember(environment)
            self._add(environment.key, entries)
            crowd = self._crowd() if counts else None
        self._tell("after:save")
        if crowd is None:
            return Claimed(str(revision))
        waited_at = environment.updated_at if crowd.waiting else None
        return Claimed(str(revision), crowd.creating, waited_at)

    def find(self, emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        self._tell("before:find")
        wanted = set(emails)
        with self._lock:
            rows = [
                (key, row)
                for key, row in self._environments.items()
                if not wanted.isdisjoint(row.addresses)
                or (person_id is not None and row.environment.person.person_id == person_id)
            ]
        rows.sort(key=lambda row: row[0])
        return tuple(Stored(row.environment, str(row.revision)) for _, row in rows[:MOST_FOUND])

    def save_merged(
        self, record: Stored, duplicate: Stored, entries: tuple[Sequence[Entry], Sequence[Entry]]
    ) -> str:
        changes = [
            (stored, *self._as_stored(stored.environment, new), self._saves)
            for stored, new in zip((record, duplicate), entries, strict=True)
        ]
        self._tell("before:merge")
        with self._lock:
            for stored, *_ in changes:
                row = self._environments.get(stored.environment.key)
                if (str(row.revision) if row else None) != stored.version:
                    raise Conflict(f"{stored.environment.key} is not at version {stored.version}")
            for _, environment, new, revision in changes:
                due_at, making = environment.status.due_at, documents.making(environment)
                self._environments[environment.key] = _Row(revision, making, due_at, environment)
                self._remember(environment)
                self._add(environment.key, new)
        self._tell("after:merge")
        return str(changes[0][3])

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        kept = [_stored_entry(key, entry) for entry in entries]
        self._tell("before:append")
        with self._lock:
            self._add(key, kept)
        self._tell("after:append")

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        until = documents.in_utc(now)
        with self._lock:
            rows = [
                (row.due_at, key, row.environment)
                for key, row in self._environments.items()
                if row.due_at is not None and row.due_at <= until
            ]
        if after:
            position = cursors.unpack_position("due", after)
            rows = [row for row in rows if row[:2] > (position.at, position.name)]
        found = sorted(rows, key=lambda row: row[:2])[: one_more(limit)]
        following = ""
        if len(found) > limit:
            following = cursors.pack_position("due", Position(*found[limit - 1][:2]))
        return Page(tuple(row[2] for row in found[:limit]), following)

    def next_due(self) -> datetime | None:
        """When the first record is due, None if none is; for tests only."""
        moments = [row.due_at for row in self._environments.values() if row.due_at is not None]
        return min(moments, default=None)

    def lose(self, key: str, back: int = 0) -> bool:
        """Lose a record; if ``back``, the version that many quarters of its life ago comes back.

        With the record goes its history, but for an older version. False if there is no record.
        """
        row = self._environments.pop(key, None)
        if row is None:
            return False
        if not back:
            self._history.pop(key, None)
            return True
        versions = self._versions[key]
        older = versions[len(versions) * (4 - back) // 4]
        self._saves += 1
        making = documents.making(older)
        self._environments[key] = _Row(self._saves, making, older.status.due_at, older)
        return True

    def page(self, limit: int, after: str = "", only: Filter = ALL) -> Page[Environment]:
        by = next(iter(filters.times_in(only)), "")
        with self._lock:
            rows = self._matching(only)
        if by:
            return _page_by_time(rows, by, limit, after)
        start = cursors.unpack_name("page", after) if after else ""
        found = sorted((e for e in rows if e.key > start), key=lambda e: e.key)[: one_more(limit)]
        more = len(found) > limit
        following = cursors.pack_name("page", found[limit - 1].key) if more else ""
        return Page(tuple(found[:limit]), following)

    def count(self, only: Filter) -> int:
        self._tell("before:count")
        with self._lock:
            return len(self._matching(only))

    def next_value(self, facet: Facet, after: str = "") -> str:
        self._tell("before:next_value")
        with self._lock:
            records = [row.environment for row in self._environments.values()]
        if facet is Facet.PROFILE:
            values = {e.terms.profile for e in records}
        else:
            values = {code for e in records for code in e.status.problem_codes}
        return min((value for value in values if value > after), default="")

    def _matching(self, only: Filter) -> list[Environment]:
        records = [row.environment for row in self._environments.values()]
        if only == ALL:
            return records
        return [e for e in records if filters.fits(documents.filter_fields(e), only)]

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        with self._lock:
            entries = dict(self._history.get(key, {}))
        return tuple(entries[name] for name in sorted(entries, reverse=True)[:limit])

    def creating(self) -> Crowd:
        with self._lock:
            return self._crowd()

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

    def unchanged(self, limit: int, after: str = "", verb: Verb | None = None) -> Page[Unchanged]:
        with self._lock:
            rows = [
                (microseconds(each.entry.at), name, each)
                for name, each in self._unchanged.items()
                if each.entry.event is not None and verb in (None, each.entry.event.verb)
            ]
        if after:
            position = cursors.unpack_position("unchanged", after)
            start = (microseconds(position.at), position.name)
            rows = [row for row in rows if row[:2] < start]
        found = sorted(rows, key=lambda row: row[:2], reverse=True)[: one_more(limit)]
        following = ""
        if len(found) > limit:
            at, name, _ = found[limit - 1]
            following = cursors.pack_position("unchanged", Position(from_microseconds(at), name))
        return Page(tuple(row[2] for row in found[:limit]), following)

    def raw(self, key: str) -> bytes | None:
        """The encoded document of ``key``: the back door for tests."""
        with self._lock:
            row = self._environments.get(key)
        return msgspec.json.encode(documents.encode_environment(row.environment)) if row else None

    def raw_shortages(self) -> dict[str, int]:
        """What lacks until when, in microseconds since 1970: the back door for tests."""
        with self._lock:
            return dict(self._shortages)

    def _crowd(self) -> Crowd:
        making = [row.making for row in self._environments.values()]
        return Crowd(making.count(Making.CREATING), making.count(Making.WAITING))

    def _as_stored(
        self, environment: Environment, entries: Sequence[Entry]
    ) -> tuple[Environment, Sequence[Entry]]:
        """A record and its entries as a real store would return them."""
        self._saves += 1
        if self._saves % self._checked_one_in:
            return environment, entries
        document = msgspec.json.encode(documents.encode_environment(environment))
        stored = documents.decode_environment(msgspec.json.decode(document))
        return stored, [_stored_entry(environment.key, entry) for entry in entries]

    def _remember(self, environment: Environment) -> None:
        versions = self._versions.get(environment.key)
        if versions is None:
            versions = self._versions[environment.key] = deque(maxlen=_VERSIONS)
        versions.append(environment)

    def _add(self, key: str, entries: Sequence[Entry]) -> None:
        history = self._history.setdefault(key, {})
        for index, entry in enumerate(entries):
            name = (entry.at, index, entry.action, entry.text, entry.event_id, entry.about)
            history[name] = entry
            if entry.changed_nothing:
                shown = documents.unchanged_name(key, entry, index)
                self._unchanged[shown] = Unchanged(key=key, entry=entry)

    def _tell(self, moment: str) -> None:
        if self.on_write is not None:
            self.on_write(moment)


def _page_by_time(
    records: Sequence[Environment], by: str, limit: int, after: str
) -> Page[Environment]:
    """A page in the order of the filter field ``by``, which all ``records`` have."""
    rows = [(documents.filter_fields(e)[by], e.key, e) for e in records]
    if after:
        position = cursors.unpack_position(by, after)
        rows = [row for row in rows if row[:2] > (position.at, position.name)]
    found = sorted(rows, key=lambda row: row[:2])[: one_more(limit)]
    following = ""
    if len(found) > limit:
        following = cursors.pack_position(by, Position(*found[limit - 1][:2]))
    return Page(tuple(row[2] for row in found[:limit]), following)


def _stored_entry(key: str, entry: Entry) -> Entry:
    document = msgspec.json.encode(documents.encode_entry(key, entry))
    return documents.decode_entry(msgspec.json.decode(document))


def _next_position(listing: str, found: Sequence[tuple[int, str, bytes]], limit: int) -> str:
    if len(found) <= limit:
        return ""
    at, name, _ = found[limit - 1]
    return cursors.pack_position(listing, Position(from_microseconds(at), name))
