"""The addresses of one person: the current one and the former ones, each with its times. Pure.

An address is an attribute of a person, not their identity. The result of adding events here does
not depend on the order in which they arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a person.

    All times are those of events. ``since``: the first event that named it as the person's
    address; None if no event did (only a leave, or a later event as the former address).
    ``seen``: the last such event. ``until``: the event that replaced it by another address; None
    for the current one. ``left_at``: the newest leave that named it.
    """

    email: str
    since: datetime | None = None
    seen: datetime | None = None
    until: datetime | None = None
    left_at: datetime | None = None

    @property
    def retired_at(self) -> datetime | None:
        """The time of the newest leave, if it was a former address by then; else None."""
        if self.until is None or self.left_at is None or self.left_at < self.until:
            return None
        return self.left_at

    def is_theirs_at(self, moment: datetime) -> bool:
        """Whether the person had this address at ``moment``, as far as events have said."""
        known_at = [m for m in (self.since, self.left_at) if m is not None]
        begun = self.since is None or min(known_at) <= moment
        return begun and (self.until is None or moment < self.until)


def with_current(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after an event at ``at`` that names ``email`` as the person's address."""
    known = next((a for a in addresses if a.email == email), Address(email=email))
    seen = max(at, known.seen or at)
    known = replace(known, since=min(at, known.since or at), seen=seen)
    others = [_replaced(a, at) for a in addresses if a.email != email]
    # It ends with the first event after ``seen`` that named another address.
    later = [m for a in others for m in (a.since, a.seen) if m is not None and m > seen]
    until = min(
        [*later, *([known.until] if known.until and known.until > seen else [])], default=None
    )
    return _in_order((*others, replace(known, until=until)))


def with_former(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after an event at ``at`` that names ``email`` as the former address."""
    known = next((a for a in addresses if a.email == email), Address(email=email))
    others = [a for a in addresses if a.email != email]
    return _in_order((*others, _until(known, at)))


def with_leave(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after a leave of ``email`` at ``at``.

    ``since`` stays: a leave doesn't say since when the person had the address.
    """
    known = next((a for a in addresses if a.email == email), Address(email=email))
    others = [a for a in addresses if a.email != email]
    return _in_order((*others, replace(known, left_at=max(at, known.left_at or at))))


def united(some: Sequence[Address], others: Sequence[Address]) -> tuple[Address, ...]:
    """The addresses of two records of one person."""
    addresses = tuple(some)
    for other in others:
        for moment in (other.since, other.seen):
            if moment is not None:
                addresses = with_current(addresses, other.email, moment)
        if other.until is not None:
            addresses = with_former(addresses, other.email, other.until)
        if other.left_at is not None:
            addresses = with_leave(addresses, other.email, other.left_at)
    return addresses


def _replaced(address: Address, at: datetime) -> Address:
    """``address`` after an event at ``at`` named another one as the person's.

    Without ``seen`` it does not end: the person may have got it after that event.
    """
    return address if address.seen is None else _until(address, at)


def _until(address: Address, at: datetime) -> Address:
    """``address``, ended at ``at`` at the latest, unless a newer event named it."""
    if address.seen is not None and address.seen >= at:
        return address
    return replace(address, until=min(at, address.until or at))


def _in_order(addresses: Sequence[Address]) -> tuple[Address, ...]:
    """The former ones in the order in which they ended, the current one last."""
    former = sorted((a for a in addresses if a.until), key=lambda a: (a.until, a.email))
    others = [a for a in addresses if a.until is None]
    return (*former, *sorted(others, key=lambda a: (a.since is not None, a.email)))
