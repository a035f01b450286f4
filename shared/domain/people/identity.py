"""Finds the person an event is about: each has one record, whatever their addresses. Pure.

The records that have or had one of the event's addresses, or its person id, are found in one call
of the store (``EnvironmentStore.find``). This module says which of them the event belongs to. It
compares the times of events, never those of their arrival, so that the order of arrival doesn't
matter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from shared.domain.commands.facts import leaves_of_person
from shared.domain.commands.intent import Intent, Verb
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.people.address_owners import as_due, owner_of
from shared.domain.people.conflicts import address_not_yet, address_taken, contradicting_id
from shared.domain.people.duplicates import records_of_one_person


class Subject(msgspec.Struct, frozen=True):
    """The person an event is about.

    ``key``: the key of their record, which may have to be created. ``record``: None if they have
    none yet. ``duplicates``: further records of the same person, to be merged into ``record``;
    they were created by newer events that arrived earlier.
    """

    key: str
    record: Environment | None = None
    duplicates: tuple[Environment, ...] = ()


def subject_of(
    intent: Intent, found: Sequence[Environment], now: datetime, taken: Collection[str] = ()
) -> Subject:
    """The person ``intent`` is about; ``found``: the records with its addresses or its person id.

    ``taken``: keys of other records, which a new record can't have.
    Raises ``Rejected`` if the owner of an address has another person id, or if the address is
    somebody else's.
    """
    for record in found:
        if intent.idempotency_key in record.events.recent:
            # A repeat is about the same person, even if somebody else has the address by now.
            return Subject(record.key, record)
    due = as_due(found, now)
    pair = records_of_one_person(intent, due)
    subject = Subject(pair[0].key, pair[0], pair[1:]) if pair else _subject_of(intent, due, taken)
    _check_scheduled(intent, subject, due)
    stored = {record.key: record for record in found}
    return Subject(
        key=subject.key,
        record=stored.get(subject.key),
        duplicates=tuple(stored[duplicate.key] for duplicate in subject.duplicates),
    )


def _subject_of(intent: Intent, found: Sequence[Environment], taken: Collection[str]) -> Subject:
    person, at, previous = intent.person, intent.occurred_at, intent.previous_email
    of_address = owner_of(person.email, found, at, formerly=False)
    of_former = owner_of(previous, found, at, afterwards=False) if previous else None
    of_id = of_person_id(person.person_id, found)
    if of_former is None and of_id is None:
        if intent.verb is Verb.LEAVE:
            # Whoever had it by then, else whoever got it later.
            of_address = owner_of(person.email, found, at, afterwards=False) or of_address
        return _subject_by_address(intent, of_address, found, taken)
    same = {r.key: r for r in (of_former, of_id) if r is not None}
    if of_address is not None and not _is_anothers(of_address, intent, of_former, of_id):
        same.setdefault(of_address.key, of_address)
    for record in same.values():
        email = intent.previous_email if record is of_former else person.email
        if _contradicts(record, intent):
            raise contradicting_id(record, intent, email, of_id)
    # A record that began later was created by a newer event that arrived earlier: a duplicate.
    first, *others = sorted(same.values(), key=lambda r: _began_later(r, at))
    established = [r for r in others if not _began_later(r, at)]
    if established:
        raise address_taken(intent, first, established[0])
    return Subject(first.key, first, tuple(others))


def _check_scheduled(intent: Intent, subject: Subject, found: Sequence[Environment]) -> None:
    """Reject an event of an address that is to be somebody's by a scheduled event.

    That is a join with another person id, or a leave without one that takes effect before it.
    """
    email = intent.person.email
    same = (subject.key, *(duplicate.key for duplicate in subject.duplicates))
    for record in found:
        change = next(
            (i for i in record.scheduled if i.verb is Verb.JOIN and i.person.email == email), None
        )
        if change is None:
            continue
        if record.key not in same and intent.verb is Verb.JOIN and _contradicts(record, intent):
            raise contradicting_id(record, intent, email, subject.record)
        is_leave = intent.verb is Verb.LEAVE and intent.person.person_id is None
        has_another = record.person.email != email and not _has_had(record, email)
        if record.key in same and is_leave and has_another and not _takes_effect_by(change, intent):
            raise address_not_yet(intent, record)


def _takes_effect_by(change: Intent, leave: Intent) -> bool:
    """Whether the scheduled ``change`` takes effect before ``leave`` does."""
    assert change.effective_at is not None, "it is scheduled"
    return leave.effective_at is not None and change.effective_at <= leave.effective_at


def new_key(email: str, found: Sequence[Environment], taken: Collection[str] = ()) -> str:
    """The key for a new person, made from their address and a number that makes it unique.

    It is none of ``taken``, and not the key of a record in ``found``.
    """
    used = {*taken, *(key for record in found for key in (record.key, *record.merged))}
    number = 1
    while (key := person_key(email, number)) in used:
        number += 1
    return key


def _subject_by_address(
    intent: Intent,
    owner: Environment | None,
    found: Sequence[Environment],
    taken: Collection[str],
) -> Subject:
    if owner is None:
        return Subject(new_key(intent.person.email, found, taken))
    if not _contradicts(owner, intent):
        return Subject(owner.key, owner)
    if _is_free(owner, intent.person.email, intent.occurred_at):
        # The address was given to another person.
        return Subject(new_key(intent.person.email, found, taken))
    raise contradicting_id(owner, intent, intent.person.email, None)


def of_person_id(person_id: str | None, found: Sequence[Environment]) -> Environment | None:
    """The oldest record in ``found`` with that id: two of one person may not be merged yet."""
    if person_id is None:
        return None
    same = [r for r in found if r.person.person_id == person_id]
    return min(same, key=lambda r: (r.created_at, r.key), default=None)


def _has_left(record: Environment, at: datetime) -> bool:
    """Whether the person had left by then."""
    return record.leaving and any(i.occurred_at <= at for i in leaves_of_person(record))


def _is_free(record: Environment, email: str, at: datetime) -> bool:
    """Whether ``email`` can be another person's by then: they have left, or have another one."""
    periods = [a for a in record.addresses if a.email == email]
    theirs = [a for a in periods if a.is_theirs_at(at)]
    ended = any(a.until is not None and a.until <= at for a in periods)
    left = any(a.was_left_by(at) for a in theirs)
    return _has_left(record, at) or left or (ended and not theirs)


def _is_anothers(
    of_address: Environment,
    intent: Intent,
    of_former: Environment | None,
    of_id: Environment | None,
) -> bool:
    """Whether whoever has the address of ``intent`` is known to be another person.

    ``of_former``, ``of_id``: the records by its former address and by its person id; there is one
    of them at least.
    """
    at = intent.occurred_at
    if intent.verb is Verb.LEAVE and of_id and _has_had(of_id, intent.person.email, by=at):
        return True  # a leave of a former address
    if _gave_up(of_address, at):
        # Unless it is the first event with that id: then the leaver returns, and has an id now.
        is_first = of_former is None and of_id is not None and _began_later(of_id, at)
        return not is_first or _contradicts(of_address, intent)
    known = of_id or of_former
    return known is not None and _got_it_later(of_address, known, intent)


def _got_it_later(other: Environment, record: Environment, intent: Intent) -> bool:
    """Whether ``other`` got the address of ``intent`` after the person of ``record`` had given it
    up again: because they had another one by then, or left, and ``other`` has another person id."""
    email, at = intent.person.email, intent.occurred_at
    got = (a.since for a in other.addresses if a.email == email)
    since = min((moment for moment in got if moment is not None and moment > at), default=None)
    if since is None:
        return False
    named = (moment for a in record.addresses if a.email != email for moment in a.named)
    if any(at < moment <= since for moment in named):
        return True
    left = intent.verb is Verb.LEAVE or _has_left(record, since)
    return left and _contradicts(other, intent)


def _has_had(record: Environment, email: str, by: datetime | None = None) -> bool:
    """Whether an event named ``email`` as an address of the person, ``by`` then if that is set."""
    known = [a.known_since for a in record.addresses if a.email == email]
    return any(by is None or moment is None or moment <= by for moment in known)


def _gave_up(record: Environment, at: datetime) -> bool:
    """Whether another person could have their addresses by then."""
    return _has_left(record, at) and not _began_later(record, at)


def _began_later(record: Environment, at: datetime) -> bool:
    """Whether all events that named an address of the record are of that time or newer."""
    known = (a.known_since for a in record.addresses)
    return all(moment is None or moment >= at for moment in known)


def _contradicts(record: Environment, intent: Intent) -> bool:
    ours, theirs = record.person.person_id, intent.person.person_id
    return ours is not None and theirs is not None and ours != theirs
