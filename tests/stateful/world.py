"""A whole deployment in one thread: real services; store, cloud and time are fakes.

Every write and every remote call is a point where a trap can spring: a crash, a fault of the cloud,
or another worker that gets in between.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.domain.environment import Environment, Verb
from shared.domain.names import person_key
from shared.domain.normalise import Message
from shared.domain.policy import Policy
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources import Kind
from shared.domain.wants import Site
from shared.ports import NotPublished
from shared.services.admission import Admission
from shared.services.announce import Announcer
from shared.services.converge import Commons, Converge
from shared.services.intake import Intake
from shared.services.planning import Planner
from shared.services.shortages import Shortages
from shared.services.tick import Tick
from tests.support.fake_drivers import FakeCloud, FakeDriver
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.memory_store import MemoryStore

GRACE = timedelta(days=14)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")
MASTERS = {
    "session.yaml": b"runtimeConfig: {version: '2.3'}\n",
    "cluster.yaml": b"config: {softwareConfig: {imageVersion: 2.2-debian12}}\n",
}
PROFILES = b"""
version: 1
default: full
groups:
  - {group: analysts@example.com, profile: full}
profiles:
  full:
    grace: 14d
    keep_snapshot: 90d
    workbench: {zones: [us-central1-a, us-central1-b], machine_type: e2-standard-4}
    session_templates: [{name: spark, master: session.yaml}]
    cluster_templates: [{name: small, master: cluster.yaml}]
  lean:
    grace: 14d
    workbench: {zones: [us-central1-a], machine_type: e2-standard-2}
  brief:
    grace: 0
    workbench: {zones: [us-central1-a], machine_type: e2-standard-2}
    session_templates: [{name: spark, master: session.yaml}]
"""


class Crash(BaseException):
    """The worker dies here: nothing after this point of the code runs, not even its handlers."""


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


class FixedProfiles:
    """A profile source that never changes by itself."""

    def __init__(self, profiles: ProfileSet) -> None:
        self.profiles = profiles

    def current(self) -> ProfileSet:
        return self.profiles


class Topics:
    """Pub/Sub: what asks for a converge and was not handled yet, and all that was announced."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.news: list[dict[str, Any]] = []
        self.deaf = False  # Pub/Sub takes no announcements

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        bodies = [msgspec.json.decode(data) for data in messages]
        if topic == "converge":
            self.waiting += bodies
        elif self.deaf:
            raise NotPublished("scripted")
        else:
            assert topic == "environment-events"
            self.news += bodies


class World:
    """``trap`` is called at every point (``before:save``, ``after:workbench.create`` …)."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = ManualClock()
        self.trap: Callable[[str], None] | None = None
        self.points: Counter[str] = Counter()
        self.store = MemoryStore(on_write=self._point)
        self.cloud = FakeCloud(self.clock, on_call=self._point)
        self.profiles = FixedProfiles(parse_profiles(PROFILES, MASTERS))
        self.topics = Topics()
        self.policy = policy or Policy()
        self._tokens = (f"token-{n}" for n in itertools.count())
        self._ids = itertools.count()
        self.restart()

    def restart(self) -> None:
        """All processes begin anew: what they only had in mind is forgotten."""
        search = FakeSearch(self.cloud)
        shortages = Shortages(store=self.store, clock=self.clock)
        admission = Admission(store=self.store, clock=self.clock, limit=self.policy.creations)
        self.converge = Converge(
            store=self.store,
            drivers={kind: FakeDriver(kind, self.cloud) for kind in Kind},
            planner=Planner(
                store=self.store,
                profiles=self.profiles,
                search=search,
                shortages=shortages,
                site=SITE,
            ),
            commons=Commons(
                admission=admission,
                shortages=shortages,
                announcer=Announcer(
                    store=self.store,
                    publisher=self.topics,
                    topic="environment-events",
                    project="demo",
                ),
                search=search,
            ),
            clock=self.clock,
            tokens=lambda: next(self._tokens),
            policy=self.policy,
        )
        self.intake = Intake(
            store=self.store,
            profiles=self.profiles,
            converge=self.converge,
            clock=self.clock,
            allowed_domains={"example.com"},
        )
        self.tick = Tick(
            store=self.store,
            publisher=self.topics,
            admission=admission,
            census=FakeCensus(self.cloud),
            clock=self.clock,
            topic="converge",
            policy=self.policy,
        )

    def message(self, verb: Verb, published_at: datetime | None = None, **event: object) -> Message:
        """A message as Pub/Sub would deliver it, with an id of its own."""
        topic = "onboarding" if verb is Verb.JOIN else "offboarding"
        return Message(
            id=f"m{next(self._ids)}",
            topic=topic,
            published_at=published_at or self.clock.now(),
            data=msgspec.json.encode(event),
        )

    def order(self, action: str, email: str, **event: object) -> str:
        """An admin's order, published and delivered now; the outcome."""
        event = {"reason": "because", "action": action, "email": email} | event
        return self.deliver(
            Message(
                id=f"m{next(self._ids)}",
                topic="admin-events",
                published_at=self.clock.now(),
                data=msgspec.json.encode(event),
            )
        )

    def deliver(self, message: Message) -> str:
        """Hand a message to intake as its function would; the outcome."""
        if message.topic == "admin-events":
            return str(self.intake.order(message))
        verb = Verb.JOIN if message.topic == "onboarding" else Verb.LEAVE
        return str(self.intake.accept(message, verb))

    def join(self, email: str, **event: object) -> str:
        """A join, published and delivered now."""
        return self.deliver(self.message(Verb.JOIN, email=email, **event))

    def leave(self, email: str, **event: object) -> str:
        """A leave, published and delivered now."""
        return self.deliver(self.message(Verb.LEAVE, email=email, **event))

    def minute(self) -> None:
        """The tick, and every converge it asks for."""
        self.tick.run()
        waiting, self.topics.waiting = self.topics.waiting, []
        for body in waiting:
            admitted = body.get("admitted", False)
            self.converge.run(person_key(body["email"]), admitted=admitted)

    def pass_time(self, span: timedelta) -> None:
        """Only the clock moves."""
        self.clock.time += span

    def run_for(self, span: timedelta, every: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass with a tick at every step."""
        end = self.clock.time + span
        while self.clock.time < end:
            self.pass_time(every)
            self.minute()

    def environment(self, email: str) -> Environment | None:
        """The record, through the back door: no trap springs."""
        trap, self.trap = self.trap, None
        try:
            stored = self.store.load(person_key(email))
        finally:
            self.trap = trap
        return stored.environment if stored else None

    def record(self, email: str) -> Environment:
        """The record of somebody who has one."""
        environment = self.environment(email)
        assert environment is not None
        return environment

    def _point(self, name: str) -> None:
        self.points[name] += 1
        if self.trap is not None:
            self.trap(name)
