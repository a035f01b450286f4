"""Anything may happen, in any order; the invariants hold all the while, and in the end it is right.

Events are sent, repeated, reordered and announced ahead; workers crash at every write and call and
get in one another's way; the cloud fails before and after it has done what it was asked. A model
that knows only the *set* of events, not how they travelled, says what must come of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain.environment import Verb
from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.names import person_key, resource_id
from shared.domain.normalise import Message
from shared.domain.resources import Kind, State, Step
from tests.stateful.world import GRACE, START, Crash, World
from tests.support.fake_drivers import Happening, Thing

EMAILS = ("ana@example.com", "ben@example.com", "a.na@example.com")
GRACES = {"full": GRACE, "lean": GRACE, "brief": timedelta()}
STOCK_OUT = Problem(
    code="ZONE_RESOURCE_POOL_EXHAUSTED", message="the zone has none left", fate=Fate.STOCK_OUT
)

people = st.sampled_from(EMAILS)
profiles = st.sampled_from(tuple(GRACES))
# How long before its arrival an event happened: mostly now, sometimes long overtaken by others.
ages = st.sampled_from([0, 0, 0, 0, 30, 3600, 86400]).map(lambda s: timedelta(seconds=s))
aheads = st.sampled_from([timedelta(minutes=5), timedelta(days=2), timedelta(days=20)])
# What goes wrong during an action, and at the how-manieth write or call of it.
traps = st.none() | st.tuples(
    st.integers(0, 9), st.sampled_from(["crash", "crash", "before", "after", "other"])
)
slow_steps = st.sampled_from([Step.CREATE, Step.START, Step.STOP, Step.DELETE])
spans = st.sampled_from(
    [timedelta(seconds=5), timedelta(seconds=50), timedelta(minutes=3), timedelta(hours=7)]
)


Trap = tuple[int, str]


class Sent(msgspec.Struct):
    """An event, and how far its message got."""

    message: Message
    verb: Verb
    email: str
    order: tuple[datetime, bool, str]
    grace: timedelta
    immediate: bool
    effective_at: datetime | None
    tried_at: datetime | None = None
    acked_at: datetime | None = None

    def starts(self) -> datetime:
        """The earliest moment at which it can have taken effect."""
        assert self.tried_at is not None
        return max(self.tried_at, self.effective_at or self.tried_at)


class Lives(RuleBasedStateMachine):
    """The machine; each rule is something the world does to us."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.trap = self._at
        self.sent: list[Sent] = []
        self.armed: Trap | None = None
        self.in_hand = 0
        self.checked = 0
        self.vandalised: set[tuple[str, Kind]] = set()
        self.broken: set[str] = set()
        self.lost_an_answer = False

    # What the world does

    @initialize(theirs=st.booleans())
    def somebody_else_has_the_name(self, theirs: bool) -> None:
        self.foreign: set[tuple[Kind, str]] = set()
        if theirs:
            notebook = resource_id("nb", person_key(EMAILS[2]))
            name = f"projects/demo/locations/us-central1-a/instances/{notebook}"
            self.world.cloud.add_foreign(Kind.WORKBENCH, name)
            self.foreign.add((Kind.WORKBENCH, name))

    @rule(email=people, profile=profiles, age=ages, trap=traps)
    def join(self, email: str, profile: str, age: timedelta, trap: Trap | None) -> None:
        self.armed = trap
        self._send(Verb.JOIN, email, age, profile=profile)

    @rule(email=people, age=ages, immediate=st.booleans(), trap=traps)
    def leave(self, email: str, age: timedelta, immediate: bool, trap: Trap | None) -> None:
        self.armed = trap
        self._send(Verb.LEAVE, email, age, immediate=immediate)

    @rule(email=people, verb=st.sampled_from(Verb), ahead=aheads)
    def announce(self, email: str, verb: Verb, ahead: timedelta) -> None:
        event = {"profile": "full"} if verb is Verb.JOIN else {}
        self._send(verb, email, timedelta(), ahead=ahead, **event)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """Pub/Sub delivers at least once."""
        self._deliver(data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: any(s.acked_at for s in self.sent))
    @rule(data=st.data())
    def publish_again(self, data: st.DataObject) -> None:
        """The identity system repeats itself, in a new message that claims to be of now."""
        sent = data.draw(st.sampled_from([s for s in self.sent if s.acked_at]))
        event = msgspec.json.decode(sent.message.data)
        event |= {"event_id": sent.order[2], "occurred_at": self.world.clock.now()}
        message = self.world.message(sent.verb, **event)
        outcome = []
        self._survive(lambda: outcome.append(self.world.deliver(message)))
        assert outcome in ([], ["duplicate"]), outcome

    @rule(step=slow_steps, left=st.booleans())
    def an_operation_will_fail(self, step: Step, left: bool) -> None:
        self.world.cloud.fail_operations(Kind.WORKBENCH, step, STOCK_OUT, leftover=left)

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self.world.pass_time(span)

    @rule(trap=traps, span=spans)
    def the_minute_ticks(self, trap: Trap | None, span: timedelta) -> None:
        self.world.pass_time(span)
        self.armed = trap
        self._survive(self.world.minute)

    @precondition(lambda self: any(t.was_ready for t in self.world.cloud.things.values()))
    @rule(data=st.data())
    def a_used_notebook_breaks(self, data: st.DataObject) -> None:
        """And can't be started any more; it holds somebody's work all the same."""
        used = [t for t in self.world.cloud.alive(Kind.WORKBENCH) if t.was_ready and t.key]
        used = [t for t in used if t.state in (State.READY, State.STOPPED)]
        if used:
            thing = data.draw(st.sampled_from(used))
            thing.state = State.BROKEN
            self.broken.add(thing.name)

    @precondition(lambda self: self.world.cloud.things)
    @rule(data=st.data())
    def somebody_deletes_a_template(self, data: st.DataObject) -> None:
        """Behind our back; the next event about its owner brings it back."""
        things = [t for t in self.world.cloud.alive() if t.kind is not Kind.WORKBENCH and t.key]
        if things:
            thing = data.draw(st.sampled_from(things))
            self.world.cloud.remove(thing, self.world.clock.now())
            self.vandalised.add((thing.key, thing.kind))

    # What must hold all the while

    @invariant()
    def invariant_1_one_resource_per_person_kind_and_slot(self) -> None:
        owned = [(t.key, t.kind, t.slot) for t in self.world.cloud.alive() if t.key]
        assert len(owned) == len(set(owned)), owned

    @invariant()
    def invariant_3_nothing_foreign_is_touched(self) -> None:
        for kind, name in getattr(self, "foreign", ()):
            thing = self.world.cloud.things[kind, name]
            assert (thing.key, thing.state) == ("", State.READY)
            told = [h.what for h in self.world.cloud.happenings if h.name == name]
            assert set(told) <= {"created"}, told

    @invariant()
    def invariant_4_a_resource_belongs_to_the_person_of_its_record(self) -> None:
        for thing in self.world.cloud.alive(Kind.WORKBENCH):
            assert not thing.key or thing.key == person_key(thing.email)

    @invariant()
    def invariant_7_no_disk_goes_before_the_grace_period_is_over(self) -> None:
        happenings = self.world.cloud.happenings
        for index in range(self.checked, len(happenings)):
            gone = happenings[index]
            if gone.what != "deleted" or gone.kind is not Kind.WORKBENCH:
                continue
            was_used = _was_ready(happenings[:index], gone.name)
            assert not was_used or self._may_remove(gone.key, gone.at), gone
        self.checked = len(happenings)

    # How it must end

    def teardown(self) -> None:
        self.armed = None
        self.world.cloud.failures.clear()
        for sent in self.sent:
            if sent.acked_at is None:
                self._deliver(sent)
        self._no_event_was_lost()
        last = max((s.effective_at for s in self.sent if s.effective_at), default=START)
        self.world.run_for(timedelta(hours=1))
        while self.world.clock.now() < last:
            self.world.run_for(timedelta(days=1), every=timedelta(hours=6))
        self.world.run_for(timedelta(days=3), every=timedelta(hours=1))
        self._everyone_is_where_they_should_be()
        self.world.run_for(GRACE, every=timedelta(hours=12))
        self.world.run_for(timedelta(days=2), every=timedelta(hours=1))
        self._everyone_is_where_they_should_be()
        self._it_stays_quiet()
        self.invariant_7_no_disk_goes_before_the_grace_period_is_over()

    def _no_event_was_lost(self) -> None:
        """Invariant 5: the history says of every event what became of it."""
        for sent in self.sent:
            history = self.world.store.history(person_key(sent.email), 100_000)
            ours = {e.action for e in history if e.event_id == sent.order[2]}
            assert ours & {"intent.applied", "intent.stale", "intent.scheduled"}, sent

    def _everyone_is_where_they_should_be(self) -> None:
        """Invariants 2 and 6: the newest event rules, whatever order they came in."""
        now = self.world.clock.now()
        for email in EMAILS:
            newest = self._newest(email, now)
            alive = {
                (t.kind, t.slot): t for t in self.world.cloud.alive() if t.key == person_key(email)
            }
            notebook = alive.get((Kind.WORKBENCH, "main"))
            kinds = {kind for kind, _ in alive}
            if newest is None:
                assert not alive
            elif newest.verb is Verb.JOIN:
                profile = msgspec.json.decode(newest.message.data)["profile"]
                expected = set(Kind) if profile == "full" else {Kind.WORKBENCH}
                if profile == "brief":
                    expected = {Kind.WORKBENCH, Kind.SESSION_TEMPLATE}
                if email == EMAILS[2] and self.foreign and notebook is None:
                    expected -= {Kind.WORKBENCH}  # the name is taken, and left alone
                else:
                    assert notebook is not None
                    fit = (State.READY, *([State.BROKEN] if self._is_for_people(notebook) else []))
                    assert notebook.state in fit, self.world.record(email)
                # Without a later event a deletion behind our back goes unnoticed.
                needed = {k for k in expected if (person_key(email), k) not in self.vandalised}
                assert needed <= kinds <= expected, (kinds, expected, self.world.record(email))
            else:
                assert kinds <= {Kind.WORKBENCH}, alive
                if notebook is not None:
                    assert notebook.state in (State.STOPPED, State.BROKEN), notebook
                    assert not self._must_be_gone(email, now), self.world.record(email)

    def _it_stays_quiet(self) -> None:
        calls = self.world.cloud.counts.copy()
        for email in EMAILS:
            environment = self.world.environment(email)
            # What is foreign stays a problem somebody must mend: it is looked at once a day.
            # So is what broke.
            if environment is not None and not (email == EMAILS[2] and self.foreign):
                assert environment.due_at is None or self._somebody_must_mend(), environment
        self.world.run_for(timedelta(hours=5), every=timedelta(minutes=30))
        if not self.foreign and not self._somebody_must_mend():
            assert self.world.cloud.counts == calls

    # The model

    def _newest(self, email: str, now: datetime) -> Sent | None:
        """What rules: the newest of those whose time has come."""
        theirs = [s for s in self.sent if s.email == email and s.tried_at is not None]
        ripe = [s for s in theirs if s.effective_at is None or s.effective_at <= now]
        return max(ripe, key=lambda s: s.order, default=None)

    def _may_remove(self, key: str, at: datetime) -> bool:
        """Whether some leave, in force for the whole grace period, allows a removal at ``at``."""
        theirs = [s for s in self.sent if person_key(s.email) == key and s.tried_at is not None]
        joins = [s for s in theirs if s.verb is Verb.JOIN]
        grace = min((s.grace for s in joins), default=timedelta())
        for leave in theirs:
            if leave.verb is Verb.JOIN:
                continue
            wait = timedelta() if leave.immediate else grace
            if leave.starts() + wait <= at:
                return True
        return False

    def _must_be_gone(self, email: str, now: datetime) -> bool:
        newest = self._newest(email, now)
        assert newest is not None
        return newest.starts() + GRACE + timedelta(days=1) < now

    def _somebody_must_mend(self) -> bool:
        return any(t.state is State.BROKEN for t in self.world.cloud.alive(Kind.WORKBENCH))

    def _is_for_people(self, thing: Thing) -> bool:
        """Whether ``thing`` is broken in a way that we must not heal by deleting it.

        It was used, or its creation failed but the answer that named the operation was lost, so
        that nobody can know whether it was.
        """
        return thing.name in self.broken or self.lost_an_answer

    # How things happen

    def _send(
        self,
        verb: Verb,
        email: str,
        age: timedelta,
        *,
        ahead: timedelta | None = None,
        immediate: bool = False,
        **event: object,
    ) -> None:
        now = self.world.clock.now()
        occurred_at = now - age
        event |= {"email": email, "occurred_at": occurred_at}
        if immediate:
            event["immediate"] = True
        if ahead is not None:
            event["effective_at"] = now + ahead
        message = self.world.message(verb, **event)
        grace = GRACES[str(event["profile"])] if verb is Verb.JOIN else timedelta()
        sent = Sent(
            message=message,
            verb=verb,
            email=email,
            order=(occurred_at, verb is Verb.LEAVE, message.id),
            grace=grace,
            immediate=immediate,
            effective_at=now + ahead if ahead is not None else None,
        )
        self.sent.append(sent)
        self._deliver(sent)

    def _deliver(self, sent: Sent) -> None:
        sent.tried_at = sent.tried_at or self.world.clock.now()

        def deliver() -> None:
            self.world.deliver(sent.message)
            sent.acked_at = sent.acked_at or self.world.clock.now()

        self._survive(deliver)

    def _survive(self, work: object) -> None:
        """Run it; a crash ends it there, as it would end the process."""
        assert callable(work)
        self.in_hand += 1
        try:
            work()
        except Crash:
            self.world.queue.waiting.clear()
        finally:
            self.in_hand -= 1
            if self.in_hand == 0:
                self.armed = None

    def _at(self, point: str) -> None:
        """A write or a call: does the trap spring here?"""
        if self.armed is None or self.in_hand > 1:
            return
        after, how = self.armed
        self.armed = (after - 1, how) if after > 0 else None
        if after > 0:
            return
        when, _, what = point.partition(":")
        self.lost_an_answer |= point == "after:workbench.create" or how == "crash"
        if how == "crash":
            raise Crash(point)
        if how == "other":
            self._another_worker()
        elif "." in what and how == when:
            fate = Fate.UNCERTAIN if when == "after" else Fate.TEMPORARY
            raise CloudFault(fate, "UNAVAILABLE", f"scripted at {point}")

    def _another_worker(self) -> None:
        """Meanwhile, elsewhere: whatever was sent last is delivered once more, and a tick runs."""
        if self.sent:
            self._survive(lambda: self.world.deliver(self.sent[-1].message))
        self._survive(self.world.minute)


def _was_ready(happenings: list[Happening], name: str) -> bool:
    """Whether the thing now called ``name`` was ever usable since it was created."""
    for happening in reversed(happenings):
        if happening.name == name:
            if happening.what == "ready":
                return True
            if happening.what == "created":
                return False
    return False
