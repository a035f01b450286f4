"""What must come of a set of events, however they travelled: the model beside the machine."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.domain.environment import Verb
from shared.domain.names import person_key
from shared.domain.normalise import Message
from tests.stateful.world import GRACE

GRACES = {"full": GRACE, "lean": GRACE, "brief": timedelta()}


class Sent(msgspec.Struct):
    """An event, and how far its message got. A change of address is two of them."""

    message: Message
    verb: Verb
    email: str
    order: tuple[datetime, bool, str]
    grace: timedelta
    immediate: bool
    effective_at: datetime | None
    profile: str = ""
    moved: bool = False
    tried_at: datetime | None = None
    acked_at: datetime | None = None

    def starts(self) -> datetime:
        """The earliest moment at which it can have taken effect."""
        assert self.tried_at is not None
        return max(self.tried_at, self.effective_at or self.tried_at)


class Model:
    """Everything that was sent, and every hold."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.holds: dict[str, list[tuple[datetime, datetime | None]]] = {}

    def newest(self, email: str, now: datetime) -> Sent | None:
        """What rules: the newest of those whose time has come."""
        theirs = [s for s in self.sent if s.email == email and s.tried_at is not None]
        ripe = [s for s in theirs if s.effective_at is None or s.effective_at <= now]
        return max(ripe, key=lambda s: s.order, default=None)

    def may_remove(self, key: str, at: datetime) -> bool:
        """Whether some leave, in force for the whole grace period, allows a removal at ``at``."""
        theirs = [s for s in self.sent if person_key(s.email) == key and s.tried_at is not None]
        joins = [s for s in theirs if s.verb is Verb.JOIN]
        grace = min((s.grace for s in joins), default=timedelta())
        for leave in theirs:
            if leave.verb is Verb.JOIN:
                continue
            wait = timedelta() if leave.immediate or leave.moved else grace
            if leave.starts() + wait <= at:
                return True
        return False

    def must_be_gone(self, email: str, now: datetime) -> bool:
        """Whether even the longest grace period is over for a leaver."""
        newest = self.newest(email, now)
        assert newest is not None
        # A message that got lost with its worker takes effect only when it is delivered again.
        landed = max(newest.acked_at or now, newest.starts())
        return landed + GRACE + timedelta(days=1) < now

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
        return all(s.profile == "full" for s in joins)
