"""One full life of an environment in a ``World``, stage by stage, for tests that inject a fault.

A stage that takes too long fails. The result can be compared with that of another life. The tests
decide what goes wrong, and when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.environment import Environment
from shared.domain.names import person_key
from shared.domain.policy import Policy
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Phase
from shared.ports import NotPublished
from tests.support.builders import ANA, minutes
from tests.support.fake_drivers import Thing
from tests.support.simulation.world import GRACE, Crash, Topics, World

BEN = "ben@example.com"
STAGE_LIMIT = timedelta(hours=1)  # for each stage


class StoreDown(Exception):
    """An exception of a store that is not one of the port's own."""


class HookedTopics(Topics):
    """Publishing is a remote call too."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        self._point("before:publish")
        super().publish(topic, messages)
        self._point("after:publish")

    def _point(self, name: str) -> None:
        self._world.points[name] += 1
        if self._world.trap is not None:
            self._world.trap(name)


class Life:
    """A world that runs through every stage, although one thing goes wrong on the way."""

    def __init__(self, fault: Callable[[str], None] | None = None) -> None:
        self.world = World(Policy(list_above=0))  # so that the tick reads the list, too
        self.world.topics = HookedTopics(self.world)
        self.world.restart()
        self.world.trap = fault

    def live(self) -> None:
        """From the join to the removal, and then under another address."""
        self._first_days()
        self._leave_and_return_within_the_grace_period()
        self._leave_and_return_after_the_removal()
        self._change_the_address()

    def _first_days(self) -> None:
        self.world.cloud.short = {"us-central1-a"}
        self.send(Verb.JOIN, email=ANA, profile="full")
        self.until(ANA, Phase.READY)
        self.world.cloud.short = set()
        self.work("one;")
        self.wait(timedelta(hours=2))  # consent is checked after the first hour
        self.send(Verb.JOIN, email=ANA, profile="lean")
        self.until(ANA, Phase.READY)
        again = self.send(Verb.JOIN, email=ANA, profile="full")
        self.until(ANA, Phase.READY)
        self.deliver(again)
        self.send(Verb.JOIN, email="no address")
        self.notebook().consented = True

    def _leave_and_return_within_the_grace_period(self) -> None:
        cloud, key = self.world.cloud, person_key(ANA)
        cloud.start_use(Kind.SESSION, "projects/demo/locations/us-central1/sessions/s", key, ANA)
        cloud.start_use(Kind.CLUSTER, "projects/demo/regions/us-central1/clusters/c", key, ANA)
        self.send(Verb.LEAVE, email=ANA)
        self.until(ANA, Phase.SUSPENDED)
        self.command("hold")
        self.until(ANA, Phase.SUSPENDED, when=lambda: self.notebook().protected)
        self.command("release")
        self.until(ANA, Phase.SUSPENDED, when=lambda: not self.notebook().protected)
        self.send(Verb.JOIN, email=ANA, profile="full")
        self.until(ANA, Phase.READY)
        self.work("two;")

    def _leave_and_return_after_the_removal(self) -> None:
        self.send(Verb.LEAVE, email=ANA)
        self.until(ANA, Phase.SUSPENDED)
        self.wait(GRACE, every=timedelta(days=7))
        self.until(ANA, Phase.REMOVED)
        self.send(Verb.JOIN, email=ANA, profile="full")
        self.until(ANA, Phase.READY)
        self.work("three;")
        self.notebook().consented = True

    def _change_the_address(self) -> None:
        self.send(Verb.JOIN, email=BEN, profile="full", previous_email=ANA)
        self.until(BEN, Phase.READY, when=self._is_replaced)
        self.notebook(BEN).consented = True
        self.wait(timedelta(days=2), every=timedelta(hours=6))

    def _is_replaced(self) -> bool:
        notebooks = self.world.cloud.alive(Kind.WORKBENCH)
        return [(n.email, n.state) for n in notebooks] == [(BEN, State.READY)]

    # The steps of a life

    def send(self, verb: Verb, **event: Any) -> Message:
        """An event; Pub/Sub delivers it until it is acknowledged."""
        self.wait(minutes(1))
        message = self.world.message(verb, **event)
        self.deliver(message)
        return message

    def deliver(self, message: Message) -> None:
        while not self._survives(lambda: self.world.deliver(message)):
            self.world.pass_time(timedelta(seconds=10))

    def command(self, action: str) -> None:
        """An admin command, repeated until it is acknowledged."""
        self.wait(minutes(1))
        id = f"{action}-{self.world.clock.now()}".replace(" ", "-")
        while not self._survives(lambda: self.world.command(action, ANA, event_id=id)):
            self.world.pass_time(timedelta(seconds=10))

    def until(self, email: str, phase: Phase, when: Callable[[], bool] = lambda: True) -> None:
        """Let minutes pass until that phase is reached and all announcements are published."""
        deadline = self.world.clock.now() + STAGE_LIMIT
        while self.world.clock.now() < deadline:
            record = self.world.environment(email)
            if record is not None and record.status.phase is phase and _is_idle(record) and when():
                return
            self.wait(minutes(1))
        pytest.fail(f"{email} is not {phase} after {STAGE_LIMIT}: {self.world.environment(email)}")

    def wait(self, span: timedelta, every: timedelta | None = None) -> None:
        """Let time pass with a tick at every step."""
        every = every or min(span, minutes(30))
        for _ in range(span // every):
            self.world.pass_time(every)
            self._survives(self.world.minute)

    def notebook(self, email: str = ANA) -> Thing:
        """The only notebook of the person."""
        things = self.world.cloud.alive(Kind.WORKBENCH)
        [thing] = [t for t in things if t.email == email]
        return thing

    def work(self, text: str) -> None:
        self.world.cloud.work(self.notebook(), text)

    def _survives(self, work: Callable[[], object]) -> bool:
        """Whether ``work`` succeeded; if not, all processes are restarted."""
        try:
            work()
        except (Crash, StoreDown, NotPublished):
            self.world.topics.waiting.clear()
            self.world.restart()
            return False
        return True

    # The result

    def end(self) -> dict[str, Any]:
        """The part of the result that must not depend on what went wrong."""
        records = [self.world.record(BEN)]
        things = self.world.cloud.alive()
        found = [(t.kind, t.email, t.state, t.data, t.protected) for t in things]
        # A late deletion takes another snapshot of the same data first.
        snapshots = {each for each in found if each[0] is Kind.SNAPSHOT}
        others = [each for each in found if each[0] is not Kind.SNAPSHOT]
        return {
            "things": Counter([*others, *snapshots]),
            "machines": [self.notebook(BEN).body["gceSetup"]["machineType"]],
            "phases": [record.status.phase for record in records],
            "problems": [record.status.problem for record in records],
            "outboxes": [record.outbox.waiting for record in records],
            "leavings": [[bool(x.completed_at) for x in r.departure.records] for r in records],
            "parked": len(self.world.store.parked(10).items),
        }

    def news(self) -> dict[str, list[str]]:
        """The announcements for each address, each id once, in order.

        Failures on the way, and phases announced again after them, are left out.
        """
        announced = {n["id"]: n["data"] for n in self.world.topics.news}
        news: dict[str, list[str]] = {}
        phases: dict[str, str] = {}
        for id in sorted(announced, key=lambda id: int(id.rpartition("-")[2])):
            email, what = announced[id]["email"], announced[id]["news"]
            again = what in list(Phase) and phases.get(email) == what
            if what != "failed" and not again:
                news.setdefault(email, []).append(what)
            if what in list(Phase):
                phases[email] = what
        return news


def _is_idle(record: Environment) -> bool:
    """Whether nothing is in progress."""
    begun = any(resource.step for resource in record.resources)
    return not begun and record.lease is None and not record.outbox.waiting
