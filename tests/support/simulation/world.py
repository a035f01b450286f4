"""A whole deployment in one thread: real services; store, cloud and time are fakes.

Every write and every remote call is a point at which a test can act: a crash, a fault of the cloud,
or another worker in between.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache

import msgspec

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.environment import Environment
from shared.domain.people.address_owners import present_owner
from shared.domain.policy import Policy
from shared.domain.profiles import ProfileSet
from shared.domain.profiles.parse import parse_profiles
from tests.support.fake_drivers import FakeCloud
from tests.support.memory_store import MemoryStore
from tests.support.simulation.process import (
    SITE,
    START,
    Crash,
    FixedProfiles,
    ManualClock,
    Process,
    SkewedClock,
    Topics,
)

__all__ = ["SITE", "START", "Crash", "FixedProfiles", "ManualClock", "Topics", "World"]

GRACE = timedelta(days=14)
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


@cache
def _default_profiles() -> ProfileSet:
    return parse_profiles(PROFILES, MASTERS)


class World:
    """``trap`` is called at every point (``before:save``, ``after:workbench.create`` …).

    ``skews``: one process for each, whose clock is ahead of the true time by that much;
    ``converge``, ``intake`` and ``tick`` are those of the process in use. ``checked_one_in``: see
    ``MemoryStore``. ``every_tick``: the minute ticks even where nothing can be due.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        profiles: ProfileSet | None = None,
        skews: Sequence[timedelta] = (timedelta(),),
        checked_one_in: int = 1,
        every_tick: bool = False,
    ) -> None:
        self.clock = ManualClock()
        self.trap: Callable[[str], None] | None = None
        self.points: Counter[str] = Counter()
        self.store = MemoryStore(on_write=self._point, checked_one_in=checked_one_in)
        self.cloud = FakeCloud(self.clock, on_call=self._point)
        self.profiles = FixedProfiles(profiles or _default_profiles())
        self.topics = Topics()
        self.policy = policy or Policy()
        self.allowed_domains = {"example.com"}
        self.skews = skews
        self.every_tick = every_tick
        self._tokens = (f"token-{n}" for n in itertools.count())
        self._ids = itertools.count()
        self._turn = 0
        self.restart()

    def restart(self) -> None:
        """Restart all processes; they lose what they had in memory only."""
        self._processes: dict[int, Process] = {}
        self.use(self._turn)

    def restart_and_wait(self) -> None:
        """Restart, and wait a minute: a process reads no shortages before that."""
        self.restart()
        self.converge.reader.shortages.current()
        self.pass_time(timedelta(minutes=1))

    def use(self, number: int) -> None:
        """Let the process with that number (modulo their count) do the work from here on."""
        self._turn = number % len(self.skews)
        process = self._processes.get(self._turn)
        if process is None:
            process = self._processes[self._turn] = self._begun(self.skews[self._turn])
        self.converge, self.intake, self.tick = process.converge, process.intake, process.tick

    def use_next(self) -> None:
        """Let the next process do the work, if there are several."""
        if len(self.skews) > 1:
            self.use(self._turn + 1)

    def _begun(self, skew: timedelta) -> Process:
        return Process(
            clock=SkewedClock(self.clock, skew) if skew else self.clock,
            store=self.store,
            cloud=self.cloud,
            profiles=self.profiles,
            topics=self.topics,
            tokens=lambda: next(self._tokens),
            policy=self.policy,
            allowed_domains=self.allowed_domains,
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

    def command(self, action: str, email: str | None = None, **event: object) -> str:
        """An admin command, published and delivered now; the outcome."""
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
            return str(self.intake.command(message))
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
        self.use_next()
        self.tick.run()
        waiting, self.topics.waiting = self.topics.waiting, []
        for body in waiting:
            self.use_next()
            self.converge.run(body["key"], admitted=body.get("admitted", False))
        self.deliver_orders()

    def deliver_orders(self) -> None:
        """Hand the commands that a bulk retry published to intake, and those that these publish."""
        while self.topics.orders:
            orders, self.topics.orders = self.topics.orders, []
            for data in orders:
                self.use_next()
                self.intake.command(
                    Message(
                        id=f"m{next(self._ids)}",
                        topic="admin-events",
                        published_at=self.clock.now(),
                        data=data,
                    )
                )

    def pass_time(self, span: timedelta) -> None:
        """Only the clock moves."""
        self.clock.time += span

    def run_for(self, span: timedelta, every: timedelta = timedelta(minutes=1)) -> None:
        """Let time pass with a tick at every step, without those at which nothing can be due.

        A tick without a record that is due does nothing, so leaving it out changes nothing; what
        happens in the cloud meanwhile takes effect at the next call.
        """
        end = self.clock.time + span
        while self.clock.time < end:
            self.pass_time(every * self._ticks_until_due(end, every))
            self.minute()

    def _ticks_until_due(self, end: datetime, every: timedelta) -> int:
        if self.every_tick:
            return 1
        due = self.store.next_due()
        ahead = max(*self.skews, timedelta())
        until = end if due is None else min(end, due - ahead)
        return max(1, -((self.clock.time - until) // every))

    def environment(self, email: str) -> Environment | None:
        """The record, read directly, so that no trap is triggered."""
        trap, self.trap = self.trap, None
        try:
            found = [stored.environment for stored in self.store.find((email,))]
        finally:
            self.trap = trap
        return present_owner(email, found, self.clock.now())

    def record(self, email: str) -> Environment:
        """The record of a person who has one."""
        environment = self.environment(email)
        assert environment is not None
        return environment

    def _point(self, name: str) -> None:
        self.points[name] += 1
        if self.trap is not None:
            self.trap(name)
