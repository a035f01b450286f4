"""Anything may happen, in any order; the invariants hold all the while, and in the end it is right.

Events are sent, repeated, reordered and announced ahead; workers crash at every write and call and
get in one another's way; the cloud fails before and after it has done what it was asked; people
work, start sessions and change their address; admins hold and release them. A model that knows only
the *set* of events, not how they travelled, says what must come of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from shared.domain.environment import Verb
from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.names import person_key, resource_id
from shared.domain.resources import Kind, State, Step
from tests.stateful.invariants import EMAILS, FOREIGN, Invariants
from tests.stateful.model import GRACES, Sent
from tests.stateful.world import Crash

STOCK_OUT = Problem(
    code="ZONE_RESOURCE_POOL_EXHAUSTED", message="the zone has none left", fate=Fate.STOCK_OUT
)
ADDRESSES = {"ben@example.com": "cleo@example.com", "cleo@example.com": "ben@example.com"}

people = st.sampled_from(EMAILS)
# Mostly the one that keeps people's work, so that there is work to lose.
profiles = st.sampled_from(("full", "full", "full", *GRACES))
# How long before its arrival an event happened: mostly now, sometimes long overtaken by others.
ages = st.sampled_from([0, 0, 0, 0, 30, 3600, 86400]).map(lambda s: timedelta(seconds=s))
aheads = st.sampled_from([timedelta(minutes=5), timedelta(days=2), timedelta(days=20)])
# What goes wrong during an action, and at the how-manieth write or call of it.
traps = st.none() | st.tuples(
    st.integers(0, 9), st.sampled_from(["crash", "crash", "before", "after", "other"])
)
slow_steps = st.sampled_from(
    [Step.CREATE, Step.START, Step.STOP, Step.UPDATE, Step.RESTORE, Step.PROTECT, Step.DELETE]
)
spans = st.sampled_from(
    [timedelta(seconds=5), timedelta(seconds=50), timedelta(minutes=3), timedelta(hours=7)]
)
zones = st.sets(st.sampled_from(["us-central1-a", "us-central1-b"]))

Trap = tuple[int, str]


class Lives(Invariants):
    """The machine; each rule is something the world does to us."""

    def __init__(self) -> None:
        super().__init__()
        self.world.trap = self._at
        self.armed: Trap | None = None
        self.in_hand = 0
        self.serial = 0

    # Events

    @initialize(theirs=st.booleans())
    def somebody_else_has_the_name(self, theirs: bool) -> None:
        if theirs:
            notebook = resource_id("nb", person_key(FOREIGN))
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

    @rule(old=st.sampled_from(tuple(ADDRESSES)), profile=profiles, trap=traps)
    def change_address(self, old: str, profile: str, trap: Trap | None) -> None:
        """Of somebody who has been here; else it would be a plain join."""
        if self.world.environment(old) is None:
            return
        self.armed = trap
        self._send(Verb.JOIN, ADDRESSES[old], timedelta(), profile=profile, previous_email=old)

    @rule(email=people, action=st.sampled_from(["hold", "hold", "release", "retry"]), trap=traps)
    def order(self, email: str, action: str, trap: Trap | None) -> None:
        """An admin steps in; whether the answer got lost is for the record to tell."""
        if self.world.environment(email) is None:
            return
        self.world.pass_time(timedelta(seconds=1))
        self.armed = trap
        self._survive(lambda: self.world.order(action, email))
        spans = self.model.holds.setdefault(person_key(email), [])
        held = self.world.record(email).held
        if held is not None and (not spans or spans[-1][1] is not None):
            spans.append((held.at, None))
        elif held is None and spans and spans[-1][1] is None:
            spans[-1] = (spans[-1][0], self.world.clock.now())

    @precondition(lambda self: self.model.sent)
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """Pub/Sub delivers at least once."""
        self.deliver(data.draw(st.sampled_from(self.model.sent)))

    @precondition(lambda self: any(s.acked_at and not s.moved for s in self.model.sent))
    @rule(data=st.data())
    def publish_again(self, data: st.DataObject) -> None:
        """The identity system repeats itself, in a new message that claims to be of now."""
        known = [s for s in self.model.sent if s.acked_at and not s.moved]
        sent = data.draw(st.sampled_from(known))
        event = msgspec.json.decode(sent.message.data)
        event |= {"event_id": sent.order[2], "occurred_at": self.world.clock.now()}
        message = self.world.message(sent.verb, **event)
        outcome: list[str] = []
        self._survive(lambda: outcome.append(self.world.deliver(message)))
        assert outcome in ([], ["duplicate"]), outcome

    # People

    @precondition(lambda self: self.world.cloud.things)
    @rule(data=st.data())
    def somebody_works(self, data: st.DataObject) -> None:
        notebooks = [t for t in self.world.cloud.alive(Kind.WORKBENCH) if t.key]
        # Who has been told of it: a notebook that is still being restored isn't anybody's yet.
        open_to = [t for t in notebooks if t.state is State.READY and self._is_told(t.email)]
        if open_to:
            thing = data.draw(st.sampled_from(open_to))
            self.serial += 1
            text = f"{self.serial};"
            self.world.cloud.work(thing, text)
            self.written[thing.email] = self.written.get(thing.email, "") + text
            if thing.consented is not None:
                thing.consented = True

    @rule(email=people, kind=st.sampled_from([Kind.SESSION, Kind.CLUSTER]))
    def somebody_starts_spark(self, email: str, kind: Kind) -> None:
        """From a template of theirs, as long as it is there."""
        template = {
            Kind.SESSION: Kind.SESSION_TEMPLATE,
            Kind.CLUSTER: Kind.CLUSTER_TEMPLATE,
        }[kind]
        key = person_key(email)
        if any(t.key == key for t in self.world.cloud.alive(template)):
            self.serial += 1
            where = "locations/us-central1/sessions"
            if kind is Kind.CLUSTER:
                where = "regions/us-central1/clusters"
            name = f"projects/demo/{where}/s{self.serial}"
            self.world.cloud.start_use(kind, name, key, email)

    def _is_told(self, email: str) -> bool:
        environment = self.world.environment(email)
        notebook = environment.notebook if environment is not None else None
        at_hand = notebook is not None and notebook.state is State.READY and notebook.link
        return bool(at_hand and notebook and not notebook.restore_from)

    # The cloud, and time

    @rule(step=slow_steps, left=st.booleans())
    def an_operation_will_fail(self, step: Step, left: bool) -> None:
        problem = STOCK_OUT
        if step not in (Step.CREATE, Step.START):
            problem = Problem(code="INTERNAL", message="scripted", fate=Fate.TEMPORARY)
        self.world.cloud.fail_operations(Kind.WORKBENCH, step, problem, leftover=left)

    @rule(step=st.sampled_from([Step.CREATE, Step.DELETE, Step.RESTORE]))
    def a_call_will_land_late(self, step: Step) -> None:
        self.lost_an_answer |= step is Step.CREATE
        self.world.cloud.delay(Kind.WORKBENCH, step, timedelta(seconds=45))

    @rule(left=st.booleans())
    def a_snapshot_will_fail(self, left: bool) -> None:
        problem = Problem(code="INTERNAL", message="scripted", fate=Fate.TEMPORARY)
        self.world.cloud.fail_operations(Kind.SNAPSHOT, Step.CREATE, problem, leftover=left)

    @rule(short=zones)
    def zones_run_dry(self, short: set[str]) -> None:
        self.world.cloud.short = short

    @rule(deaf=st.booleans())
    def pubsub_takes_no_news(self, deaf: bool) -> None:
        self.world.topics.deaf = deaf

    @rule()
    def all_processes_restart(self) -> None:
        self.world.restart()

    @rule(span=spans)
    def time_passes(self, span: timedelta) -> None:
        self.world.pass_time(span)

    @rule(trap=traps, span=spans)
    def the_minute_ticks(self, trap: Trap | None, span: timedelta) -> None:
        self.world.pass_time(span)
        self.armed = trap
        self._survive(self.world.minute)

    @rule(days=st.sampled_from([1, 15]))
    def days_pass(self, days: int) -> None:
        self.world.run_for(timedelta(days=days), every=timedelta(hours=6))

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
    def somebody_deletes_something(self, data: st.DataObject) -> None:
        """Behind our back; the next event about its owner brings a template back."""
        loose = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE, Kind.SNAPSHOT)
        things = [t for t in self.world.cloud.alive() if t.kind in loose and t.key]
        things = [t for t in things if t.state is State.READY]
        if things:
            thing = data.draw(st.sampled_from(things))
            self.world.cloud.remove(thing, self.world.clock.now(), what="vandalised")
            self.vandalised.add((thing.key, thing.kind))

    # How things happen

    def disarm(self) -> None:
        self.armed = None
        self.world.restart()

    def deliver(self, sent: Sent) -> None:
        twins = [s for s in self.model.sent if s.message is sent.message]
        for twin in twins:
            twin.tried_at = twin.tried_at or self.world.clock.now()

        def deliver() -> None:
            self.world.deliver(sent.message)
            for twin in twins:
                twin.acked_at = twin.acked_at or self.world.clock.now()

        self._survive(deliver)

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
        profile = str(event.get("profile", ""))
        former = event.get("previous_email")
        sent = Sent(
            message=message,
            verb=verb,
            email=email,
            order=(occurred_at, verb is Verb.LEAVE, message.id),
            grace=GRACES.get(profile, timedelta()),
            immediate=immediate,
            effective_at=now + ahead if ahead is not None else None,
            profile=profile,
            moved=former is not None,
        )
        if isinstance(former, str):
            departure = msgspec.structs.replace(
                sent,
                verb=Verb.LEAVE,
                email=former,
                order=(occurred_at, True, f"{message.id}:departure"),
            )
            self.model.sent.append(departure)
        self.model.sent.append(sent)
        self.deliver(sent)

    def _survive(self, work: Callable[[], object]) -> None:
        """Run it; a crash ends it there, as it would end the process."""
        self.in_hand += 1
        try:
            work()
        except Crash:
            self.world.topics.waiting.clear()
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
        if self.model.sent:
            self._survive(lambda: self.world.deliver(self.model.sent[-1].message))
        self._survive(self.world.minute)
