"""The environment store in Firestore.

Collections: ``environments`` with a subcollection ``history``, ``parked``, ``unchanged``,
``shortages``. An event that changed nothing is in ``history`` and, for the list of such events of
all people, in ``unchanged``. The document ``crowd/creations`` counts the records whose notebook is
being created. It is written in the commit of a record, only if that changes the count, to keep the
writes to one document few.

A save is a compare-and-swap: one commit with the update time of the loaded record as precondition.
Read-write transactions hold locks, and on one contended document they are slower by two orders of
magnitude. No query needs a composite index (``firestore_queries``).

``Conflict`` means that the precondition did not hold at the last try. Usually another worker saved
first. But if the answer to a commit was lost, its repetition conflicts with itself, and the record
*is* saved. So after a ``Conflict`` the caller must load the record and decide again.

This module must not know what a record means, nor how the client was created.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from google.api_core import exceptions
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.retry import Retry, if_exception_type
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import BaseFilter, BaseQuery

from shared.adapters.state import cursors, documents, filters
from shared.adapters.state import firestore_queries as queries
from shared.adapters.state.cursors import Position, from_microseconds, microseconds, one_more
from shared.adapters.state.documents import Making
from shared.adapters.state.firestore_queries import NAME
from shared.domain.commands.intent import Verb
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry, Unchanged
from shared.ports import ALL, MOST_FOUND, Claimed, Conflict, Crowd, Facet, Filter, Page, Stored

# A read may be repeated after every transient error. A commit is repeated only if the server is
# unavailable; it may have been applied then (see Conflict above). After a deadline there is no time
# left. Contention (ABORTED) goes to the caller, who must load again.
_READ_AGAIN = if_exception_type(exceptions.ServiceUnavailable, exceptions.InternalServerError)
_COMMIT_AGAIN = if_exception_type(exceptions.ServiceUnavailable)
# If the counter is written too, contention is mostly about the counter. So the commit is repeated;
# the precondition of the record still decides whether it may be applied.
_COUNT_AGAIN = if_exception_type(exceptions.ServiceUnavailable, exceptions.Aborted)
# Errors of a commit whose precondition did not hold, or that met contention.
_LOST_CREATE = (exceptions.AlreadyExists, exceptions.Aborted)
_LOST_UPDATE = (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted)


class FirestoreStore:
    """``EnvironmentStore`` over a synchronous client.

    ``timeout``: seconds for one call to the store; no try begins after them. ``park`` also answers
    False if this call stored the event, but the answer to its first try was lost.
    """

    def __init__(self, client: firestore.Client, *, timeout: float = 10.0) -> None:
        self._client = client
        self._timeout = timeout
        self._read_retry = _retry(_READ_AGAIN, timeout)
        self._commit_retry = _retry(_COMMIT_AGAIN, timeout)
        self._count_retry = _retry(_COUNT_AGAIN, timeout)
        self._environments = client.collection("environments")
        self._parked = client.collection("parked")
        self._unchanged = client.collection("unchanged")
        self._shortages = client.collection("shortages")
        self._counter = client.document("crowd/creations")

    def load(self, key: str) -> Stored | None:
        found = self._environments.document(key).get(retry=self._read_retry, timeout=self._timeout)
        return _stored(found) if found.exists else None

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        return self.claim(environment, version, entries).version

    def claim(
        self, environment: Environment, version: str | None, entries: Sequence[Entry]
    ) -> Claimed:
        """The result has a count only if this commit changes it; otherwise it is None."""
        batch = self._client.batch()
        self._write(batch, environment, version)
        before, after = _making(version), documents.making(environment)
        counts = self._count_changes(batch, [(before, after)], environment.updated_at)
        self._add_history(batch, environment.key, entries)
        lost = _LOST_CREATE if version is None else _LOST_UPDATE
        try:
            results = self._commit(batch, self._count_retry if counts else self._commit_retry)
        except lost as error:
            expected = f"at version {version}" if version else "new"
            raise Conflict(f"{environment.key} is not {expected}") from error
        saved = _version(results[0].update_time, after)
        return _claimed(saved, results[1]) if counts else Claimed(saved)

    def recount(self, claimed: Claimed, creating: int) -> None:
        option = self._client.write_option(last_update_time=_timestamp(claimed.counter))
        with suppress(exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted):
            self._counter.update(
                {"creating": creating},
                option=option,
                retry=self._commit_retry,
                timeout=self._timeout,
            )

    def find(self, emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        # One query: each side of the "or" is served by the automatic index of its field.
        filters: list[BaseFilter] = []
        if emails:
            any_of = sorted(set(emails))
            filters.append(firestore.FieldFilter("addresses", "array_contains_any", any_of))
        if person_id is not None:  # a comparison with None would find all records without an id
            filters.append(firestore.FieldFilter("person_id", "==", person_id))
        query = self._environments.where(filter=firestore.Or(filters)).order_by(NAME)
        return tuple(map(_stored, self._found(query, MOST_FOUND)))

    def save_merged(
        self, record: Stored, duplicate: Stored, entries: tuple[Sequence[Entry], Sequence[Entry]]
    ) -> str:
        batch = self._client.batch()
        both = (record, duplicate)
        for stored in both:
            self._write(batch, stored.environment, stored.version)
        making = [(_making(each.version), documents.making(each.environment)) for each in both]
        counts = self._count_changes(batch, making, record.environment.updated_at)
        for stored, new in zip(both, entries, strict=True):
            self._add_history(batch, stored.environment.key, new)
        try:
            results = self._commit(batch, self._count_retry if counts else self._commit_retry)
        except _LOST_UPDATE as error:
            expected = " or ".join(f"{s.environment.key} at version {s.version}" for s in both)
            raise Conflict(f"there is no longer {expected}") from error
        return _version(results[0].update_time, making[0][1])

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        batch = self._client.batch()
        self._add_history(batch, key, entries)
        self._commit(batch, self._commit_retry)

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        until = firestore.FieldFilter("due_at", "<=", documents.in_utc(now))
        query = self._environments.where(filter=until).order_by("due_at").order_by(NAME)
        if after:
            position = cursors.unpack_position("due", after)
            query = query.start_after({"due_at": position.at, NAME: position.name})
        found = self._found(query, one_more(limit))
        items = documents.readable(map(_fields, found[:limit]), documents.decode_environment)
        return Page(items, _next_position("due", "due_at", found, limit))

    def page(self, limit: int, after: str = "", only: Filter = ALL) -> Page[Environment]:
        query, by = queries.matching(self._environments, only)
        if by:
            query = query.order_by(by)
        query = query.order_by(NAME)
        if after and by:
            position = cursors.unpack_position(by, after)
            query = query.start_after({by: position.at, NAME: position.name})
        elif after:
            query = query.start_after({NAME: cursors.unpack_name("page", after)})
        found = self._found(query, one_more(limit))
        fitting = (f for f in map(_fields, found[:limit]) if not by or filters.fits(f, only))
        items = documents.readable(fitting, documents.decode_environment)
        if by:
            return Page(items, _next_position(by, by, found, limit))
        more = len(found) > limit
        return Page(items, cursors.pack_name("page", found[limit - 1].id) if more else "")

    def count(self, only: Filter) -> int:
        """An aggregation query; with a time and another field, a query for the fields to compare.

        The first is billed as one document read per thousand index entries, the second as one for
        each record that matches the time (cloud.google.com/firestore/pricing).
        """
        query, by = queries.matching(self._environments, only)
        if not by or not filters.has_more_than_a_time(only):
            return self._counted(query)
        found: Any = query.select(filters.FIELDS).get(retry=self._read_retry, timeout=self._timeout)
        return sum(filters.fits(_fields(each), only) for each in found)

    def next_value(self, facet: Facet, after: str = "") -> str:
        query, field = queries.next_value(self._environments, facet, after)
        return "".join(str(each.get(field)) for each in self._found(query, 1))

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        entries = self._environments.document(key).collection("history")
        # Names sort by time, too, but the automatic indexes don't support a descending order by
        # name alone.
        found = self._found(queries.newest_first(entries), limit)
        return documents.readable(map(_fields, found), documents.decode_entry)

    def creating(self) -> Crowd:
        """Two aggregation queries, which read index entries instead of documents.

        Each is billed as one document read per thousand counted records, but at least one
        (cloud.google.com/firestore/pricing).
        """
        # In this order: a record that gets its turn between the two queries is counted twice. In
        # the other order it would not be counted, and one notebook too many could be created.
        waiting = self._count(Making.WAITING)
        return Crowd(creating=self._count(Making.CREATING), waiting=waiting)

    def shortages(self, now: datetime) -> frozenset[str]:
        since_epoch = microseconds(documents.in_utc(now))
        query = self._shortages.where(filter=firestore.FieldFilter("until", ">", since_epoch))
        found: Any = query.get(retry=self._read_retry, timeout=self._timeout)
        return frozenset(each.get("what") for each in found)

    def report_shortage(self, what: str, until: datetime) -> None:
        # The server keeps the later end, in one write that may be repeated. It compares numbers
        # only, so the end is stored in microseconds since 1970 and not as a timestamp.
        end = firestore.Maximum(microseconds(documents.in_utc(until)))
        self._shortages.document(documents.shortage_name(what)).set(
            {"what": what, "until": end},
            merge=True,
            retry=self._commit_retry,
            timeout=self._timeout,
        )

    def park(self, parked: Parked) -> bool:
        reference = self._parked.document(documents.parked_name(parked.id))
        try:
            reference.create(
                documents.encode_parked(parked), retry=self._commit_retry, timeout=self._timeout
            )
        except exceptions.AlreadyExists:
            return False
        return True

    def parked(self, limit: int, after: str = "") -> Page[Parked]:
        query = queries.newest_first(self._parked)
        if after:
            position = cursors.unpack_position("parked", after)
            query = query.start_after({"at": position.at, NAME: position.name})
        found = self._found(query, one_more(limit))
        items = documents.readable(map(_fields, found[:limit]), documents.decode_parked)
        return Page(items, _next_position("parked", "at", found, limit))

    def unchanged(self, limit: int, after: str = "", verb: Verb | None = None) -> Page[Unchanged]:
        by = "at" if verb is None else documents.unchanged_at(verb)
        query = queries.newest_first(self._unchanged, by)
        if after:
            position = cursors.unpack_position("unchanged", after)
            query = query.start_after({by: position.at, NAME: position.name})
        found = self._found(query, one_more(limit))
        items = documents.readable(map(_fields, found[:limit]), documents.decode_unchanged)
        return Page(items, _next_position("unchanged", by, found, limit))

    def _write(self, batch: Any, environment: Environment, version: str | None) -> None:
        reference = self._environments.document(environment.key)
        # A write that changes nothing would keep the update time, and with it the version: two
        # workers could both save. The counter makes every save a change.
        fields = documents.encode_environment(environment) | {"revision": firestore.Increment(1)}
        if version is None:
            batch.create(reference, fields)
        else:
            option = self._client.write_option(last_update_time=_timestamp(version))
            batch.update(reference, fields, option=option)

    def _add_history(self, batch: Any, key: str, entries: Sequence[Entry]) -> None:
        history = self._environments.document(key).collection("history")
        for index, entry in enumerate(entries):
            # Not ``create``: in a repeated commit, an existing entry must not be an error.
            batch.set(
                history.document(documents.entry_id(entry, index)),
                documents.encode_entry(key, entry),
            )
            if entry.changed_nothing:
                batch.set(
                    self._unchanged.document(documents.unchanged_name(key, entry, index)),
                    documents.encode_unchanged(key, entry),
                )

    def _count_changes(
        self, batch: Any, making: Sequence[tuple[str | None, str | None]], now: datetime
    ) -> bool:
        """Add the change of the counter to the batch; False if the count stays the same.

        ``making``: how each record of the batch is counted before and after it.
        """
        change = sum(
            (after == Making.CREATING) - (before == Making.CREATING) for before, after in making
        )
        if not change:
            return False
        # A record that enters or leaves the queue shows that there is one. Microseconds, as for
        # shortages.
        waits = any(Making.WAITING in each for each in making)
        waited_at = microseconds(documents.in_utc(now)) if waits else 0
        batch.set(
            self._counter,
            {"creating": firestore.Increment(change), "waited_at": firestore.Maximum(waited_at)},
            merge=True,
        )
        return True

    def _commit(self, batch: Any, retry: Retry) -> list[Any]:
        results: list[Any] = batch.commit(retry=retry, timeout=self._timeout)
        return results

    def _count(self, making: Making) -> int:
        those = firestore.FieldFilter("making", "==", making.value)
        return self._counted(self._environments.where(filter=those))

    def _counted(self, query: Any) -> int:
        found = query.count().get(retry=self._read_retry, timeout=self._timeout)
        return int(found[0][0].value)  # the client returns 0.0 for the integer 0

    def _found(self, query: BaseQuery, limit: int) -> list[Any]:
        found: Any = query.limit(limit).get(retry=self._read_retry, timeout=self._timeout)
        # After a broken stream the client sends another query with the same limit.
        return list(found)[:limit]


def _retry(predicate: Any, timeout: float) -> Retry:
    return Retry(predicate=predicate, initial=0.1, multiplier=2.0, maximum=2.0, timeout=timeout)


def _stored(snapshot: Any) -> Stored:
    document = _fields(snapshot)
    environment = documents.decode_environment(document)
    return Stored(environment, _version(snapshot.update_time, document.get("making")))


def _fields(snapshot: Any) -> dict[str, Any]:
    return snapshot.to_dict() or {}


def _next_position(listing: str, field: str, found: Sequence[Any], limit: int) -> str:
    if len(found) <= limit:
        return ""
    last = found[limit - 1]
    return cursors.pack_position(listing, Position(last.get(field), last.id))


def _claimed(version: str, result: Any) -> Claimed:
    """The result of a commit whose second write changed the counter.

    Firestore returns the results of its two fields in the order of their names.
    """
    creating, waited_at = (value.integer_value for value in result.transform_results)
    return Claimed(
        version,
        creating,
        from_microseconds(waited_at) if waited_at else None,
        _version(result.update_time),
    )


def _version(update_time: Any, making: str | None = None) -> str:
    """The version: the update time as text, and how the stored record is counted.

    The text needs all nanoseconds, because the precondition compares them.
    """
    return f"{update_time.rfc3339()} {making or ''}"


def _making(version: str | None) -> str | None:
    """How the record of that version is counted."""
    return version.partition(" ")[2] or None if version else None


def _timestamp(version: str) -> Any:
    """The update time in ``version``, as a protobuf timestamp.

    From a datetime the client would take microseconds only.
    """
    time = version.partition(" ")[0]
    moment: Any = DatetimeWithNanoseconds.from_rfc3339(time)  # type: ignore[no-untyped-call] # google's
    return moment.timestamp_pb()
