"""The expected result of a set of events, however they were delivered: the model."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.domain.environment import Verb
from shared.domain.names import person_key
from shared.domain.normalise import Message
from tests.stateful import expected


class Sent(msgspec.Struct):
    """An event, and how far its message got. A change of address is two of them."""

    message: Message
    verb: Verb
    email: str
    order: tuple[datetime, bool, str]
    immediate: bool
    effective_at: datetime | None
    profile: str = ""
    cost_center: str = ""
    moved: bool = False
    refused: bool = False  # by the list of domains, at its first delivery
    tried_at: datetime | None = None
    acked_at: datetime | None = None
    taken_at: datetime | None = None  # into the record, at the latest

    @property
    def event_id(self) -> str:
        """Identifies repeats."""
        return self.order[2]

    @property
    def topic(self) -> str:
        """Where it was published."""
        return self.message.topic

    def starts(self) -> datetime:
        """The earliest moment at which it can have taken effect."""
        assert self.tried_at is not None
        return max(self.tried_at, self.effective_at or self.tried_at)

    def landed(self) -> datetime | None:
        """When it came into force, at the latest, if nothing newer was."""
        if self.taken_at is None:
            return None
        return max(self.taken_at, self.effective_at or self.taken_at)


class Model:
    """Everything that was sent, every hold, and whose records were lost."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.holds: dict[str, list[tuple[datetime, datetime | None]]] = {}
        self.lost: dict[str, datetime] = {}  # by key: when the record, or part of it, was lost
        self.partial: set[str] = set()  # of those, whose record since then knows part of it
        self.expired: set[str] = set()  # whose snapshot was kept for its time, and went

    def lose(self, key: str, now: datetime) -> None:
        """The record of ``key`` was lost, and with it that somebody was held."""
        self.lost.setdefault(key, now)
        spans = self.holds.get(key, [])
        spans[-1:] = [(begun, ended or now) for begun, ended in spans[-1:]]

    def of(self, email: str) -> list[Sent]:
        """The events about one address that count: all that got into the record."""
        return [
            s for s in self.sent if s.email == email and s.tried_at is not None and not s.refused
        ]

    def newest(self, email: str, now: datetime) -> Sent | None:
        """The event in force: the newest of those whose time has come."""
        ripe = [s for s in self.of(email) if s.effective_at is None or s.effective_at <= now]
        return max(ripe, key=lambda s: s.order, default=None)

    def may_remove(self, key: str, at: datetime) -> bool:
        """Whether some leave, in force for the whole grace period, allows a removal at ``at``."""
        theirs = [s for s in self.sent if person_key(s.email) == key and s.tried_at is not None]
        joins = [s for s in theirs if s.verb is Verb.JOIN]
        grace = min((expected.grace(s.profile) for s in joins), default=timedelta())
        for leave in theirs:
            if leave.verb is Verb.JOIN:
                continue
            wait = timedelta() if leave.immediate or leave.moved else grace
            if leave.starts() + wait <= at:
                return True
        return False

    def must_be_gone(self, email: str, now: datetime, longest: timedelta) -> bool:
        """Whether even the longest grace period is over for a leaver."""
        newest = self.newest(email, now)
        assert newest is not None
        # A message that got lost with its worker takes effect only when it is delivered again.
        landed = max(newest.acked_at or now, newest.starts())
        return landed + longest + timedelta(days=1) < now

    def shortest_keep(self, key: str) -> timedelta:
        """For how long a snapshot of theirs is kept at least."""
        joins = [s for s in self.sent if person_key(s.email) == key and s.verb is Verb.JOIN]
        keeps = [expected.profile(s.profile).keep_seconds for s in joins]
        return timedelta(seconds=min(filter(None, keeps), default=0))

    def held(self, key: str, at: datetime, *, for_at_least: timedelta) -> bool:
        """Whether the person had been on hold for so long at ``at``."""
        spans = self.holds.get(key, [])
        return any(
            begun + for_at_least <= at and (ended is None or at < ended) for begun, ended in spans
        )

    def was_moved(self, email: str) -> bool:
        """Whether the person's address ever changed, to or from this one."""
        return any(s.moved and s.email == email for s in self.sent)

    def always_kept(self, email: str) -> bool:
        """Whether every profile the person ever had keeps a snapshot of their work."""
        joins = [s for s in self.sent if s.email == email and s.verb is Verb.JOIN]
        return all(expected.keeps(s.profile) for s in joins)
