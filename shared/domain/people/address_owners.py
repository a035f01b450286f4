"""Whose an address is, or was, at a moment, among the records that have or had it. Pure.

It compares the times of events, never those of their arrival. Whose an address is now depends on
announced changes, too, as soon as they are due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.commands.scheduled import with_due_intents
from shared.domain.environment import Environment
from shared.domain.people.addresses import Address

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def present_owner(email: str, found: Sequence[Environment], now: datetime) -> Environment | None:
    """Whose address ``email`` is now, or else was last, among the records ``found``."""
    owner = owner_of(email, as_due(found, now), now)
    return next((record for record in found if owner and record.key == owner.key), None)


def as_due(found: Sequence[Environment], now: datetime) -> list[Environment]:
    """The records as they are once what is due has taken effect."""
    return [with_due_intents(record, now)[0] for record in found]


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
    # Ordered by the last event that named it as theirs: their next address may be newer than the
    # event that gave this one to somebody else.
    ended = [(r, a) for r, a in entries if a.until is not None and a.until <= at]
    before = [(a.seen or a.until or _EARLIEST, r.key, r) for r, a in ended]
    if before and formerly:
        return max(before, key=lambda e: e[:2])[2]
    return max((r for r, _ in announced), key=lambda r: r.key, default=None)


def _is_to_have(record: Environment, email: str) -> bool:
    """Whether an event that has yet to take effect gives them this address, or names it."""
    known = any(a.email == email for a in record.addresses)
    return not known and any(email in i.addresses for i in record.events.pending)


def _begin(address: Address) -> datetime:
    return address.since or address.until or _EARLIEST
