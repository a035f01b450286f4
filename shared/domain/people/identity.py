"""Finds the person an event is about: each has one record, whatever their addresses. Pure.

The records that have or had one of the event's addresses, or its person id, are found in one call
of the store (``EnvironmentStore.find``). This module says which of them the event belongs to. It
compares the times of events, never those of their arrival, so that the order of arrival doesn't
matter. Whose an address is now depends on announced changes, too, as soon as they are due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations

import msgspec

from shared.domain.commands.intent import Intent, Verb
from shared.domain.commands.scheduled import with_due_intents
from shared.domain.contracts.rejections import Rejected, RejectionCode
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.people.addresses import Address

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Subject(msgspec.Struct, frozen=True):
    """The person an event is about.

    ``key``: the key of their record, which may have to be created. ``record``: None if they have
    none yet. ``duplicates``: further records of the same person, to be merged into ``record``;
    they were created by newer events that arrived earlier.
    """

    key: str
    record: Environment | None = None
    duplicates: tuple[Environment, ...] = ()


def subject_of(intent: Intent, found: Sequence[Environment], now: datetime) -> Subject:
    """The person ``intent`` is about; ``found``: the records with its addresses or its person id.

    Raises ``Rejected`` if the owner of an address has another person id, or if the address is
    somebody else's.
    """
    for record in found:
        if intent.idempotency_key in record.events.recent:
            # A repeat is about the same person, even if somebody else has the address by now.
            return Subject(record.key, record)
    due = _as_due(found, now)
    subject = _twins(intent, due) or _subject_of(intent, due)
    stored = {record.key: record for record in found}
    return Subject(
        key=subject.key,
        record=stored.get(subject.key),
        duplicates=tuple(stored[duplicate.key] for duplicate in subject.duplicates),
    )


def present_owner(email: str, found: Sequence[Environment], now: datetime) -> Environment | None:
    """Whose address ``email`` is now, or else was last, among the records ``found``."""
    owner = owner_of(email, _as_due(found, now), now)
    return next((record for record in found if owner and record.key == owner.key), None)


def _as_due(found: Sequence[Environment], now: datetime) -> list[Environment]:
    """The records as they are once what is due has taken effect."""
    return [with_due_intents(record, now)[0] for record in found]


def twins_of(intent: Intent, found: Sequence[Environment], now: datetime) -> tuple[str, str] | None:
    """The keys of two of the records ``found`` that are of one person, if there are any.

    Two workers made them, each from an event of the same moment, before the other had saved. They
    have the same person id, or the same present address; or one began with the leave, or with the
    change, of an address that the other had at that time.
    """
    twins = _twins(intent, _as_due(found, now))
    return (twins.key, twins.duplicates[0].key) if twins is not None else None


def _twins(intent: Intent, found: Sequence[Environment]) -> Subject | None:
    ordered = sorted(found, key=lambda r: (r.events.joined is None, r.created_at, r.key))
    for one, other in combinations(ordered, 2):
        ids = (one.person.person_id, other.person.person_id)
        if None not in ids:
            same = ids[0] == ids[1]
        elif other.events.joined is None:
            same = any(_had(one, leave) for leave in other.events.leaves)
        else:
            here = not (one.leaving or other.leaving)
            same = here and any(_both_have(one, other, email) for email in intent.addresses)
            same = same or _is_followed_by(one, other) or _is_followed_by(other, one)
        if same:
            return Subject(one.key, one, (other,))
    return None


def _both_have(one: Environment, other: Environment, email: str) -> bool:
    return _has_now(one, email) and _has_now(other, email)


def _is_followed_by(one: Environment, other: Environment) -> bool:
    """Whether ``other`` began with an event that names an address of ``one`` as the former one."""
    return any(
        former.since is None
        and former.until is not None
        and former.left_at is None
        and any(
            a.email == former.email
            and a.since is not None
            and a.since < former.until
            and (a.until is None or a.until >= former.until)
            for a in one.addresses
        )
        for former in other.addresses
    )


def _had(record: Environment, leave: Intent) -> bool:
    """Whether an event named the address of ``leave`` as theirs before it."""
    named = [a for a in record.addresses if a.email == leave.person.email and a.since is not None]
    return any(a.is_theirs_at(leave.occurred_at) for a in named)


def _has_now(record: Environment, email: str) -> bool:
    return any(a.email == email and a.since and a.until is None for a in record.addresses)


def _subject_of(intent: Intent, found: Sequence[Environment]) -> Subject:
    person, at, previous = intent.person, intent.occurred_at, intent.previous_email
    of_address = owner_of(person.email, found, at, formerly=False)
    of_former = owner_of(previous, found, at, afterwards=False) if previous else None
    of_id = _with_id(person.person_id, found)
    if of_former is None and of_id is None:
        if intent.verb is Verb.LEAVE:
            of_address = owner_of(person.email, found, at)
        return _subject_by_address(intent, of_address, found)
    same = {r.key: r for r in (of_former, of_id) if r is not None}
    of_former_address = intent.verb is Verb.LEAVE and _has_had(of_id, person.email)
    if of_address is not None and not _gave_up(of_address, at) and not of_former_address:
        same.setdefault(of_address.key, of_address)
    for record in same.values():
        email = intent.previous_email if record is of_former else person.email
        _check_id(record, intent, email)
    # A record that began later was created by a newer event that arrived earlier: a duplicate.
    first, *others = sorted(same.values(), key=lambda r: _began_later(r, at))
    established = [r for r in others if not _began_later(r, at)]
    if established:
        raise _taken(intent, first, established[0])
    return Subject(first.key, first, tuple(others))


def owner_of(
    email: str,
    found: Sequence[Environment],
    at: datetime,
    *,
    afterwards: bool = True,
    formerly: bool = True,
) -> Environment | None:
    """Whose address ``email`` was at that time, among the records ``found``.

    Else, with ``afterwards``, the first to have it since; else, with ``formerly``, the last who
    had it before; else who is to have it.
    """
    announced = [(r, Address(email=email)) for r in found if _is_to_have(r, email)]
    entries = [(r, a) for r in found for a in r.addresses if a.email == email] + announced
    then = [(_begin(a), r.key, r) for r, a in entries if a.is_theirs_at(at)]
    if then:
        begun, _, owner = max(then, key=lambda e: e[:2])
        since = [a.since for r, a in entries if r is not owner and a.since is not None]
        if not any(begun < moment <= at for moment in since):  # else it was given to others
            return owner
    later = [(_begin(a), r.key, r) for r, a in entries if a.since is not None and a.since > at]
    if later and afterwards:
        return min(later, key=lambda e: e[:2])[2]
    before = [(a.until, r.key, r) for r, a in entries if a.until is not None and a.until <= at]
    if before and formerly:
        return max(before, key=lambda e: e[:2])[2]
    return max((r for r, _ in announced), key=lambda r: r.key, default=None)


def new_key(email: str, found: Sequence[Environment]) -> str:
    """The key for a new person, made from their address and a number that makes it unique."""
    taken = {key for record in found for key in (record.key, *record.merged)}
    number = 1
    while (key := person_key(email, number)) in taken:
        number += 1
    return key


def _subject_by_address(
    intent: Intent, owner: Environment | None, found: Sequence[Environment]
) -> Subject:
    if owner is None:
        return Subject(new_key(intent.person.email, found))
    if not _contradicts(owner, intent):
        return Subject(owner.key, owner)
    if intent.verb is Verb.JOIN and _has_left(owner, intent.occurred_at):
        return Subject(new_key(intent.person.email, found))  # the address was given to another
    raise _contradiction(owner, intent, intent.person.email)


def _with_id(person_id: str | None, found: Sequence[Environment]) -> Environment | None:
    if person_id is None:
        return None
    same = [r for r in found if r.person.person_id == person_id]
    return min(same, key=lambda r: (r.created_at, r.key), default=None)


def _is_to_have(record: Environment, email: str) -> bool:
    """Whether an event that has yet to take effect gives them this address, or names it."""
    known = any(a.email == email for a in record.addresses)
    return not known and any(email in i.addresses for i in record.events.pending)


def _begin(address: Address) -> datetime:
    return address.since or address.until or _EARLIEST


def _has_left(record: Environment, at: datetime) -> bool:
    """Whether the person had left by then."""
    return (
        record.leaving
        and record.events.in_force is not None
        and record.events.in_force.occurred_at <= at
    )


def _has_had(record: Environment | None, email: str) -> bool:
    return record is not None and any(a.email == email for a in record.addresses)


def _gave_up(record: Environment, at: datetime) -> bool:
    """Whether another person could have their addresses by then."""
    return _has_left(record, at) and not _began_later(record, at)


def _began_later(record: Environment, at: datetime) -> bool:
    """Whether all events that named an address of the record are of that time or newer."""
    return all(a.since is None or a.since >= at for a in record.addresses)


def _contradicts(record: Environment, intent: Intent) -> bool:
    ours, theirs = record.person.person_id, intent.person.person_id
    return ours is not None and theirs is not None and ours != theirs


def _check_id(record: Environment, intent: Intent, email: str) -> None:
    if _contradicts(record, intent):
        raise _contradiction(record, intent, email)


def _contradiction(record: Environment, intent: Intent, email: str) -> Rejected:
    return Rejected(
        RejectionCode.IDENTITY_CONFLICT,
        f"person_id: {email} is the address of person_id {record.person.person_id!r}, and the "
        f"event says {intent.person.person_id!r}; nothing was changed. Correct the address or the "
        "person_id and send the event again; if the address was given to somebody else, first "
        "send the leave of the person who had it",
    )


def _taken(intent: Intent, known: Environment, other: Environment) -> Rejected:
    return Rejected(
        RejectionCode.IDENTITY_CONFLICT,
        f"email: {intent.person.email} is the address of {shown(other)}, who had it before this "
        f"event, and {shown(known)} can't have it as well; nothing was changed. Correct the "
        "address, previous_email or person_id and send the event again; if the address was given "
        "to somebody else, first send the leave of the person who had it",
    )


def shown(record: Environment) -> str:
    """``record`` as the reason of a rejection names it."""
    person = record.person
    return f"{person.email} (person_id {person.person_id or 'unknown'}, record {record.key})"
