"""Finds the owner of an address at a given time, among the records that have or had it. Pure.

It compares the times of events, never those of their arrival. Scheduled changes count as soon as
they are due.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from shared.domain.commands.scheduled import with_due_intents
from shared.domain.environment import Environment
from shared.domain.people.addresses import Address

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def present_owner(email: str, found: Sequence[Environment], now: datetime) -> Environment | None:
    """The record in ``found`` whose person has the address ``email`` now, or else had it last."""
    owner = owner_of(email, as_due(found, now), now)
    return next((record for record in found if owner and record.key == owner.key), None)


def as_due(found: Sequence[Environment], now: datetime) -> list[Environment]:
    """The records after the scheduled events that are due have taken effect."""
    return [with_due_intents(record, now)[0] for record in found]


def owner_of(
    email: str,
    found: Sequence[Environment],
    at: datetime,
    *,
    afterwards: bool = True,
    formerly: bool = True,
) -> Environment | None:
    """The record in ``found`` whose person had the address ``email`` at ``at``.

    If nobody had it then: with ``afterwards``, the first person who got it later; else, with
    ``formerly``, the last person who had it before; else the one who gets it by a scheduled event.
    """
    scheduled = [(r, Address(email=email)) for r in found if _is_to_have(r, email)]
    entries = [(r, a) for r in found for a in r.addresses if a.email == email] + scheduled
    then = [(_named_by(a, at), r.key, r) for r, a in entries if a.is_theirs_at(at)]
    if then:
        named, _, owner = max(then, key=lambda e: e[:2])
        others = [moment for r, a in entries if r is not owner for moment in a.named]
        if not any(named < moment <= at for moment in others):  # else others got it since
            return owner
    later = [(_begin(a), r.key, r) for r, a in entries if a.since is not None and a.since > at]
    if later and afterwards:
        return min(later, key=lambda e: e[:2])[2]
    # Ordered by the last event that named it as theirs: when somebody else gets the address, its
    # former owner may not have their next one yet.
    ended = [(r, a) for r, a in entries if a.until is not None and a.until <= at]
    before = [(a.seen or a.until or _EARLIEST, r.key, r) for r, a in ended]
    if before and formerly:
        return max(before, key=lambda e: e[:2])[2]
    return max((r for r, _ in scheduled), key=lambda r: r.key, default=None)


def _is_to_have(record: Environment, email: str) -> bool:
    """Whether only a scheduled event of the record names the address."""
    known = any(a.email == email for a in record.addresses)
    return not known and any(email in i.addresses for i in record.scheduled)


def _named_by(address: Address, at: datetime) -> datetime:
    """When an event last named it as the person's by then; who left may have got it again."""
    return max((moment for moment in address.named if moment <= at), default=_begin(address))


def _begin(address: Address) -> datetime:
    return address.since or address.until or _EARLIEST
