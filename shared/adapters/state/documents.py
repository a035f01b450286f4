"""The stored form of records, history entries and parked events, and back.

A document is a dict: the record as builtins in ``record``, and top-level fields for queries. Those
are derived from it at every save; top-level fields of others are kept. An unknown field in
``record`` is an error, because the next save would lose it.

So a new field in a record needs a new ``SCHEMA`` number: instances of the old release that still
run during a roll-out then reject these records, and their messages are delivered again. A document
of an older release is converted when it is read, and stored in the new form at its next save.

This module must not know where documents are stored.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from shared.domain.commands.intent import Verb
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.names import fingerprint, slug
from shared.domain.projections.entry import Entry, Unchanged
from shared.domain.reconciliation.due import is_being_created, queues

SCHEMA = 1

Document = dict[str, Any]
Upgrade = Callable[[Any], Any]
T = TypeVar("T")

# By type and schema number: converts the stored ``record`` to the next schema number. Its argument
# may be any stored value. Not needed if only optional fields were added.
_UPGRADES: Mapping[type, Mapping[int, Upgrade]] = {
    Environment: {}, Entry: {}, Parked: {}, Unchanged: {}
}  # fmt: skip

# Created at import, by one thread: msgspec prepares a type at its first use, and processes have
# crashed when two threads did so at the same time.
_PREPARED: tuple[msgspec.json.Decoder[Any], ...] = tuple(
    msgspec.json.Decoder(kind) for kind in _UPGRADES
)

_log = logging.getLogger(__name__)


class Making(StrEnum):
    """How a record is counted for the limit on creations."""

    CREATING = "creating"
    WAITING = "waiting"


class DocumentUnreadable(Exception):
    """A stored document that this release can't read; it must not be acted on or overwritten."""


class DocumentTooNew(DocumentUnreadable):
    """A stored document was written by a newer release; only that release may act on it."""


def encode_environment(environment: Environment) -> Document:
    """The document of a record. Raises ``ValueError`` if a time for queries has no time zone."""
    due_at, updated_at = environment.status.due_at, in_utc(environment.updated_at)
    return {
        "schema": SCHEMA,
        "key": environment.key,
        "addresses": list(environment.known_addresses),
        "person_id": environment.person.person_id,
        "email": environment.person.email,
        **filter_fields(environment),
        "making": making(environment),
        "due_at": None if due_at is None else in_utc(due_at),
        "updated_at": updated_at,
        "record": msgspec.to_builtins(environment),
    }


def filter_fields(environment: Environment) -> Document:
    """The fields of a record by which lists are filtered (``filters``).

    The codes of its problems are the keys of a map, and not a list: Firestore merges the index of
    each key with those of other fields. ``problem``: the first of the codes.
    """
    codes = environment.status.problem_codes
    leaves_at, removal_at = environment.leaves_at, environment.removal_due_at
    return {
        "phase": environment.status.phase.value,
        "health": environment.status.health.value,
        "profile": environment.terms.profile or None,
        "team": environment.person.team,
        "cost_center": environment.person.cost_center,
        "held": environment.held is not None,
        "running": environment.is_running,
        "merged": bool(environment.merged_into),
        "problem": codes[0] if codes else None,
        "problems": dict.fromkeys(codes, True),
        "leaves_at": None if leaves_at is None else in_utc(leaves_at),
        "removal_at": None if removal_at is None else in_utc(removal_at),
    }


def decode_environment(document: Mapping[str, Any]) -> Environment:
    """The record in a document. Raises ``DocumentTooNew`` or ``DocumentUnreadable``."""
    return _decode(document, Environment, "environment", "key")


def making(environment: Environment) -> str | None:
    """The value of ``Making`` by which a record is counted, or None.

    A record with one notebook in creation and another one waiting is counted as CREATING: the limit
    is on simultaneous creations.
    """
    if is_being_created(environment):
        return Making.CREATING.value
    return Making.WAITING.value if queues(environment) else None


def encode_entry(key: str, entry: Entry) -> Document:
    """The document of one history entry of ``key``."""
    return {
        "schema": SCHEMA,
        "key": key,
        "at": in_utc(entry.at),
        "record": msgspec.to_builtins(entry),
    }


def decode_entry(document: Mapping[str, Any]) -> Entry:
    """The entry in a document. Raises ``DocumentTooNew`` or ``DocumentUnreadable``."""
    return _decode(document, Entry, "history entry of", "key")


def encode_unchanged(key: str, entry: Entry) -> Document:
    """The document of an entry of ``key`` that ``changed_nothing``.

    Its time is in ``at`` and in ``join_at`` or ``leave_at``: the index of such a field has only the
    documents that have the field, so it lists the events of one kind.
    """
    assert entry.event is not None, "an entry about an event"
    at = in_utc(entry.at)
    return {
        "schema": SCHEMA,
        "key": key,
        "at": at,
        unchanged_at(entry.event.verb): at,
        "record": msgspec.to_builtins(Unchanged(key=key, entry=entry)),
    }


def unchanged_at(verb: Verb) -> str:
    """The field with the time of an event that changed nothing, if it is a join or a leave."""
    return f"{verb}_at"


def decode_unchanged(document: Mapping[str, Any]) -> Unchanged:
    """The entry in a document. Raises ``DocumentTooNew`` or ``DocumentUnreadable``."""
    return _decode(document, Unchanged, "event without effect of", "key")


def encode_parked(parked: Parked) -> Document:
    """The document of a parked event."""
    return {
        "schema": SCHEMA,
        "id": parked.id,
        "at": in_utc(parked.at),
        "record": msgspec.to_builtins(parked),
    }


def decode_parked(document: Mapping[str, Any]) -> Parked:
    """The parked event in a document. Raises ``DocumentTooNew`` or ``DocumentUnreadable``."""
    return _decode(document, Parked, "parked event", "id")


def readable(
    documents: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], T]
) -> tuple[T, ...]:
    """The values of the documents in a listing.

    A document that can't be read is logged and left out, so that it doesn't block the others.
    """
    values = []
    for document in documents:
        try:
            values.append(decode(document))
        except DocumentUnreadable as error:
            _log.error(
                "a stored document cannot be read; the listing leaves it out",
                extra={"action": "document.unreadable", "problem": str(error)},
            )
    return tuple(values)


def entry_id(entry: Entry, index: int) -> str:
    """The name of an entry written as number ``index`` of its call.

    Names sort by time, then by number. The same entry with the same number has the same name, so
    that a write repeated after a lost answer adds nothing.
    """
    at = in_utc(entry.at)
    moment = at.replace(tzinfo=None).isoformat(timespec="microseconds")
    # Compare instants, not texts: the same time may be written with different offsets.
    same = msgspec.structs.replace(entry, at=at)
    content = hashlib.sha256(msgspec.json.encode(same)).hexdigest()[:10]
    return f"{moment}Z-{index:04d}-{content}"


def unchanged_name(key: str, entry: Entry, index: int) -> str:
    """The document name of an event that changed nothing; as stable as that of its entry."""
    return f"{key}-{entry_id(entry, index)}"


def parked_name(id: str) -> str:
    """The document name of a parked event: readable, unique, and valid for any id."""
    return f"{slug(id, length=40)}-{fingerprint(id)}"


def shortage_name(what: str) -> str:
    """The document name of a shortage: document names can't have the slash of ``zone/type``."""
    return f"{slug(what, length=40)}-{fingerprint(what)}"


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ``ValueError`` without a time zone: it can't be ordered."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; stored times must have one")
    return moment.astimezone(UTC)


def _decode(document: Mapping[str, Any], kind: type[T], what: str, name: str) -> T:
    """The value in a document, converted from the schema number with which it was stored."""
    label = f"{what} {document.get(name, '(unnamed)')!r}"
    schema = document.get("schema")
    if not isinstance(schema, int) or schema < 1:
        raise DocumentUnreadable(f"{label}: schema: {schema!r} is not a schema number")
    if schema > SCHEMA:
        raise DocumentTooNew(
            f"{label} has schema {schema}, this release knows up to {SCHEMA}; deploy the newer one"
        )
    record = document.get("record")
    for number in range(schema, SCHEMA):
        if upgrade := _UPGRADES[kind].get(number):
            record = upgrade(record)
    try:
        value = msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise DocumentUnreadable(f"{label}: record: {error}") from error
    # Usually nothing is unknown; one comparison shows that faster than ``_unknown``.
    known = msgspec.json.decode(msgspec.json.encode(value))
    unknown = "" if record == known else _unknown(record, known, "record")
    if unknown:
        raise DocumentUnreadable(
            f"{label}: {unknown} is unknown to this release and would be lost on saving"
        )
    return value


def _unknown(stored: object, known: object, path: str) -> str:
    """The path of the first field in ``stored`` that is missing in ``known``, or ''."""
    if isinstance(stored, Mapping) and isinstance(known, Mapping):
        for name, value in stored.items():
            inner = f"{path}.{name}"
            found = inner if name not in known else _unknown(value, known[name], inner)
            if found:
                return found
    elif isinstance(stored, list | tuple) and isinstance(known, list | tuple):
        for index, (value, other) in enumerate(zip(stored, known, strict=True)):
            found = _unknown(value, other, f"{path}[{index}]")
            if found:
                return found
    return ""
