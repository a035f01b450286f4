"""The addresses of one person: the current one and the former ones, each with its times. Pure.

An address is an attribute of a person, not their identity. The result of adding events here does
not depend on the order in which they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

# Of more, the first and the newest are kept. Then the order of arrival may matter.
_MOST_TIMES = 16
# Of more, the oldest of addresses that the person got again are dropped.
_MOST_PERIODS = 50


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One period in which a person had an address. There are two if they got a former one again.

    All times are those of events. ``named``: of those that named it as the person's address; none
    if only a leave did, or a later event as the former address. ``until``: of the event that
    replaced it by another address; None for the current one. ``left``: of the leaves that named it.
    ``replaced``: of those that named it as the former address; the order of several events of one
    moment follows from that.
    """

    email: str
    named: tuple[datetime, ...] = ()
    replaced: tuple[datetime, ...] = ()
    until: datetime | None = None
    left: tuple[datetime, ...] = ()

    @property
    def since(self) -> datetime | None:
        """The time of the first event that named it as the person's address."""
        return self.named[0] if self.named else None

    @property
    def seen(self) -> datetime | None:
        """The time of the last event that named it as the person's address."""
        return self.named[-1] if self.named else None

    @property
    def left_at(self) -> datetime | None:
        """The time of the newest leave that named it."""
        return self.left[-1] if self.left else None

    @property
    def known_since(self) -> datetime | None:
        """The time of the first event that named it, a leave included."""
        return min((*self.named[:1], *self.left[:1]), default=None)

    @property
    def retired_at(self) -> datetime | None:
        """The time of the newest leave, if it was a former address by then; else None."""
        if self.until is None or self.left_at is None or self.left_at < self.until:
            return None
        return self.left_at

    def is_theirs_at(self, moment: datetime) -> bool:
        """Whether the person had this address at ``moment``, as far as events have said."""
        known = self.known_since
        begun = not self.named or known is None or known <= moment
        return begun and (self.until is None or moment < self.until)

    def was_left_by(self, moment: datetime) -> bool:
        """Whether a leave named it by then, and no event as the person's address after that."""
        left = max((at for at in self.left if at <= moment), default=None)
        return left is not None and not any(left < at <= moment for at in self.named)


class _Noted(NamedTuple):
    """What an event says of an address: named as the person's, replaced by another one, or left."""

    email: str
    named: datetime | None = None
    replaced: datetime | None = None
    left: datetime | None = None


def with_current(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after an event at ``at`` that names ``email`` as the person's address."""
    return _arranged([*_noted(addresses), _Noted(email, named=at)])


def with_former(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after an event at ``at`` that names ``email`` as the former address."""
    return _arranged([*_noted(addresses), _Noted(email, replaced=at)])


def with_leave(addresses: Sequence[Address], email: str, at: datetime) -> tuple[Address, ...]:
    """``addresses`` after a leave of ``email`` at ``at``.

    It doesn't say since when the person had the address.
    """
    return _arranged([*_noted(addresses), _Noted(email, left=at)])


def with_last(addresses: Sequence[Address], email: str) -> tuple[Address, ...]:
    """``addresses`` with ``email`` as the last of those that were named at one moment.

    Used if the events of that moment don't say which address took the place of which.
    """
    return _arranged(_noted(addresses), last=email)


def united(some: Sequence[Address], others: Sequence[Address]) -> tuple[Address, ...]:
    """The addresses of two records of one person."""
    return _arranged([*_noted(some), *_noted(others)])


def _noted(addresses: Iterable[Address]) -> Iterable[_Noted]:
    """What ``_arranged`` makes these ``addresses`` of."""
    for address in addresses:
        yield from (_Noted(address.email, named=at) for at in address.named)
        yield from (_Noted(address.email, replaced=at) for at in address.replaced)
        yield from (_Noted(address.email, left=at) for at in address.left)


def _arranged(noted: Iterable[_Noted], last: str = "") -> tuple[Address, ...]:
    noted = list(noted)
    replaced = {(n.replaced, n.email) for n in noted if n.replaced is not None}
    named = {(n.named, n.email) for n in noted if n.named is not None}

    def order(point: tuple[datetime, str]) -> tuple[datetime, bool, bool, str]:
        # Of one moment, an address that was given up then comes before the one in its place.
        return point[0], point not in replaced, point[1] == last, point[1]

    periods = _periods(sorted(named, key=order))
    for at, email in sorted(replaced):
        _note_replacement(periods, email, at)
    for at, email in sorted({(n.left, n.email) for n in noted if n.left is not None}):
        _note_leave(periods, email, at)
    return _in_order(_most_recent(periods))


def _periods(named: Sequence[tuple[datetime, str]]) -> list[Address]:
    """The periods of the addresses that were ``named`` at these times, in their order."""
    periods: list[Address] = []
    for at, email in named:
        if periods and periods[-1].email == email:
            periods[-1] = replace(periods[-1], named=_kept((*periods[-1].named, at)))
            continue
        if periods:
            periods[-1] = replace(periods[-1], until=at)
        periods.append(Address(email=email, named=(at,)))
    return periods


def _note_replacement(periods: list[Address], email: str, at: datetime) -> None:
    """Note that ``email`` was a former address by then, in a period that had begun by then.

    If there is none, it was the person's before, though no event named it. It ended with the first
    event that says so.
    """
    index = _begun(periods, email, at)
    if index is None:
        index = next((i for i, p in enumerate(periods) if p.email == email and not p.named), None)
    if index is None:
        periods.append(Address(email=email, replaced=(at,), until=at))
    else:
        periods[index] = replace(periods[index], replaced=_kept((*periods[index].replaced, at)))


def _note_leave(periods: list[Address], email: str, at: datetime) -> None:
    """Note a leave in the last period that had begun by then, or else in the first one."""
    same = [index for index, period in enumerate(periods) if period.email == email]
    if not same:
        periods.append(Address(email=email, left=(at,)))
        return
    begun = _begun(periods, email, at)
    index = same[0] if begun is None else begun
    periods[index] = replace(periods[index], left=_kept((*periods[index].left, at)))


def _begun(periods: Sequence[Address], email: str, at: datetime) -> int | None:
    """The index of the last period of ``email`` that an event began by ``at``."""
    begun = [i for i, p in enumerate(periods) if p.email == email and p.named and p.named[0] <= at]
    return max(begun, key=lambda i: periods[i].named, default=None)


def _kept(times: tuple[datetime, ...]) -> tuple[datetime, ...]:
    return times if len(times) <= _MOST_TIMES else (times[0], *times[-_MOST_TIMES + 1 :])


def _most_recent(periods: Sequence[Address]) -> list[Address]:
    """At most ``_MOST_PERIODS`` of ``periods``, and the last one of each address."""
    last = {period.email: index for index, period in enumerate(periods)}
    older = [i for i, period in enumerate(periods) if last[period.email] != i]
    dropped = set(older[: max(0, len(periods) - _MOST_PERIODS)])
    return [period for i, period in enumerate(periods) if i not in dropped]


def _in_order(addresses: Sequence[Address]) -> tuple[Address, ...]:
    """The former ones in the order in which they ended, the current one last."""
    former = sorted((a for a in addresses if a.until), key=lambda a: (a.until, a.email))
    others = [a for a in addresses if a.until is None]
    return (*former, *sorted(others, key=lambda a: (bool(a.named), a.email)))
