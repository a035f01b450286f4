"""The model: the expected result of a set of events, independent of their delivery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from tests.support.simulation import expected

# For a superseded notebook, if the profile keeps no snapshots.
_KEEP_AFTER_REPLACEMENT = timedelta(days=30)


class Individual(msgspec.Struct):
    """A real person, with all addresses they have and had."""

    number: int
    person_id: str = ""  # '' if the identity system has none
    addresses: list[str] = []  # past, present and scheduled ones


class Sent(msgspec.Struct):
    """An event and the state of its delivery. ``previous``: the former address that it names."""

    who: int
    message: Message
    verb: Verb
    email: str
    order: tuple[datetime, bool, str]
    immediate: bool
    effective_at: datetime | None
    profile: str = ""
    cost_center: str = ""
    previous: str = ""
    person_id: str = ""
    contradicts: bool = False  # contradicts the record of the address: it must be parked
    refused: bool = False  # parked at its first delivery, and not recorded since
    tried_at: datetime | None = None
    acked_at: datetime | None = None
    taken_at: datetime | None = None  # recorded at this time at the latest

    @property
    def event_id(self) -> str:
        """The id by which repetitions are recognised."""
        return self.order[2]

    @property
    def topic(self) -> str:
        """Where it was published."""
        return self.message.topic

    def happens(self) -> datetime:
        """Its time, or the time of its effect if that is later."""
        return max(self.order[0], self.effective_at or self.order[0])

    def starts(self) -> datetime:
        """The earliest time at which it can have taken effect."""
        assert self.tried_at is not None
        return max(self.tried_at, self.effective_at or self.tried_at)

    def landed(self) -> datetime | None:
        """The latest time at which it came into force, unless a newer one was."""
        if self.taken_at is None:
            return None
        return max(self.taken_at, self.effective_at or self.taken_at)


def _email_at(joins: list[Sent], moment: datetime) -> str:
    """The address after the joins that had taken effect by then."""
    earlier = [s for s in joins if s.happens() <= moment]
    newest = max(earlier, key=lambda s: s.order, default=None)
    if newest is None:
        first = min(joins, key=lambda s: s.order)
        return first.previous or first.email
    return newest.email


class Model:
    """Everything that was sent, every hold, and the people whose records were lost."""

    def __init__(self) -> None:
        self.individuals: list[Individual] = []
        self.sent: list[Sent] = []
        self.holds: dict[int, list[tuple[datetime, datetime | None]]] = {}
        self.lost: dict[int, datetime] = {}  # when a record, or part of it, was lost
        self.partial: set[int] = set()  # of those, people with a record that knows part of it
        self.expired: set[int] = set()  # people whose snapshot expired
        self.recreated: set[int] = set()  # people with a `recreate` command

    def holder(self, email: str) -> int | None:
        """The person to whom the identity system gave ``email`` last."""
        having = [i for i in self.individuals if email in i.addresses]
        return max((self._given_at(i, email), i.number) for i in having)[1] if having else None

    def _given_at(self, individual: Individual, email: str) -> datetime:
        times = [s.order[0] for s in self.sent if (s.who, s.email) == (individual.number, email)]
        return min(times, default=datetime.max.replace(tzinfo=UTC))

    def newcomer(self, email: str, person_id: str = "") -> int:
        """A new person, who gets ``email``."""
        number = len(self.individuals)
        self.individuals.append(Individual(number, person_id and f"{person_id}{number}", [email]))
        return number

    def lose(self, who: int, now: datetime) -> None:
        """Note that a record was lost, and its holds with it."""
        self.lost.setdefault(who, now)
        spans = self.holds.get(who, [])
        spans[-1:] = [(begun, ended or now) for begun, ended in spans[-1:]]

    def of(self, who: int) -> list[Sent]:
        """The events about a person that count: all that may be in their record."""
        return [
            s
            for s in self.sent
            if s.who == who and s.tried_at is not None and not s.refused and not s.contradicts
        ]

    def newest(self, who: int, now: datetime) -> Sent | None:
        """The event in force: the newest of those whose time has come.

        A leave counts only if it names the address that the person had then.
        """
        ripe = [s for s in self.of(who) if s.effective_at is None or s.effective_at <= now]
        joins = [s for s in ripe if s.verb is Verb.JOIN]
        joined = max(joins, key=lambda s: s.order, default=None)
        leaves = [s for s in ripe if s.verb is Verb.LEAVE]
        if joined is not None:
            leaves = [s for s in leaves if s.order > joined.order]
            leaves = [s for s in leaves if s.email in (joined.email, _email_at(joins, s.order[0]))]
        return max(leaves, key=lambda s: s.order, default=joined)

    def email_of(self, who: int, now: datetime) -> str:
        """The address of a person after all delivered events."""
        ripe = [s for s in self.of(who) if s.effective_at is None or s.effective_at <= now]
        joins = [s for s in ripe if s.verb is Verb.JOIN]
        newest = max(joins or ripe, key=lambda s: s.order, default=None)
        return newest.email if newest is not None else self.individuals[who].addresses[0]

    def true_email(self, who: int, now: datetime) -> str:
        """The address of a person after all published events, delivered or not."""
        joins = [
            s
            for s in self.sent
            if s.who == who and s.verb is Verb.JOIN and not s.refused and not s.contradicts
            if s.effective_at is None or s.effective_at <= now
        ]
        newest = max(joins, key=lambda s: s.order, default=None)
        return newest.email if newest is not None else self.individuals[who].addresses[0]

    def returns_to(self, who: int, email: str) -> list[Sent]:
        """The joins after which somebody has ``email`` again, also those with the id alone."""
        joins = [s for s in self.sent if s.who == who and s.verb is Verb.JOIN]
        joins.sort(key=lambda s: s.order)
        return [new for old, new in pairwise(joins) if old.email != email == new.email]

    def is_settled(self, who: int) -> bool:
        """Whether all their events were recorded and none is scheduled."""
        theirs = [s for s in self.sent if s.who == who and not s.refused]
        return all(s.taken_at is not None and s.effective_at is None for s in theirs)

    def is_known_by_id(self, who: int) -> bool:
        """Whether a recorded event had their person id."""
        return any(s.person_id and s.taken_at is not None for s in self.of(who))

    def was_replaced(self, who: int) -> bool:
        """Whether there is a reason to replace their notebook."""
        return self.has_had_addresses(who) or who in self.recreated

    def has_had_addresses(self, who: int) -> bool:
        """Whether they have more than one address, past and scheduled ones included."""
        addresses = {a for s in self.sent if s.who == who for a in (s.email, s.previous) if a}
        return len(addresses) > 1

    def may_remove(self, who: int, at: datetime) -> bool:
        """Whether some leave, in force for the whole grace period, allows a removal at ``at``."""
        theirs = [s for s in self.sent if s.who == who and s.tried_at is not None]
        joins = [s for s in theirs if s.verb is Verb.JOIN and not s.contradicts]
        grace = min((expected.grace(s.profile) for s in joins), default=timedelta())
        for leave in theirs:
            if leave.verb is Verb.JOIN or leave.contradicts:
                continue
            wait = timedelta() if leave.immediate else grace
            if leave.starts() + wait <= at:
                return True
        return False

    def must_be_gone(self, who: int, now: datetime, longest: timedelta) -> bool:
        """Whether even the longest grace period is over for a leaver."""
        newest = self.newest(who, now)
        assert newest is not None
        # A message whose worker crashed takes effect only at its next delivery.
        # A leave counts only when the address is known to be theirs.
        known = [s.acked_at or now for s in self.of(who) if s.verb is Verb.JOIN]
        landed = max(newest.acked_at or now, newest.starts(), *known)
        return landed + longest + timedelta(days=1) < now

    def shortest_keep(self, who: int) -> timedelta:
        """The shortest time for which a snapshot of theirs is kept."""
        joins = [s for s in self.sent if s.who == who and s.verb is Verb.JOIN]
        keeps = [expected.profile(s.profile).keep_seconds for s in joins if not s.contradicts]
        if self.was_replaced(who) and 0 in keeps:
            keeps.append(int(_KEEP_AFTER_REPLACEMENT.total_seconds()))
        return timedelta(seconds=min(filter(None, keeps), default=0))

    def held(self, who: int, at: datetime, *, for_at_least: timedelta) -> bool:
        """Whether the person had been on hold for at least that long at ``at``."""
        spans = self.holds.get(who, [])
        return any(
            begun + for_at_least <= at and (ended is None or at < ended) for begun, ended in spans
        )

    def always_kept(self, who: int) -> bool:
        """Whether every profile the person ever had keeps a snapshot of their work."""
        joins = [s for s in self.sent if s.who == who and s.verb is Verb.JOIN]
        return all(expected.keeps(s.profile) for s in joins if not s.contradicts)
