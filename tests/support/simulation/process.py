"""One process of a deployment: the real services, with a clock and caches of their own.

What all processes share (store, cloud, topics, profiles) belongs to the ``World``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.domain.environment import Environment
from shared.domain.manifests import Site
from shared.domain.people.person import Person
from shared.domain.policy import Policy
from shared.domain.profiles import ProfileSet
from shared.domain.reconciliation.context import Profile
from shared.domain.resources.kinds import Kind
from shared.ports import Clock, NotPublished, Tokens
from shared.services.actions import ActionTaker
from shared.services.admission import Admission
from shared.services.announce import Announcer
from shared.services.bulk_retry import BulkRetries
from shared.services.context import ContextReader
from shared.services.converge import Converge
from shared.services.intake import Intake
from shared.services.parking import Parking
from shared.services.person_records import PersonRecords
from shared.services.shortages import Shortages
from shared.services.tick import Tick
from tests.support.fake_drivers import FakeCloud, FakeDriver
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.memory_store import MemoryStore

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SITE = Site(project="demo", region="us-central1", templates_bucket="demo-templates")


class Crash(BaseException):
    """The worker crashes here: no code after this point runs, not even handlers."""


class ManualClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


class SkewedClock:
    """A clock that is ahead of the true time by ``offset`` (behind it, when negative)."""

    def __init__(self, true: Clock, offset: timedelta) -> None:
        self._true = true
        self._offset = offset

    def now(self) -> datetime:
        return self._true.now() + self._offset


class FixedProfiles:
    """A profile source that never changes by itself."""

    def __init__(self, profiles: ProfileSet) -> None:
        self.profiles = profiles

    def current(self) -> ProfileSet:
        return self.profiles


class Topics:
    """Pub/Sub: what asks for a converge and was not handled yet, and all that was announced.

    ``on_announcement`` is called with each announcement as it is taken.
    """

    def __init__(self) -> None:
        self.waiting: list[dict[str, Any]] = []
        self.news: list[dict[str, Any]] = []
        self.orders: list[bytes] = []  # admin commands that a bulk retry made, not handled yet
        self.refuses = False  # whether Pub/Sub refuses announcements
        self.on_announcement: Callable[[dict[str, Any]], None] | None = None

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        bodies = [msgspec.json.decode(data) for data in messages]
        if topic == "converge":
            self.waiting += bodies
        elif topic == "admin-events":
            self.orders += messages
        elif self.refuses:
            raise NotPublished("scripted")
        else:
            assert topic == "environment-events"
            self.news += bodies
            if self.on_announcement is not None:
                for body in bodies:
                    self.on_announcement(body)


class RememberingReader(ContextReader):
    """Caches the profile of a person for all lives, which ask for the same ones."""

    def profile_of(self, record: Environment) -> Profile:
        found = self.profiles.current()
        name = (id(found), record.key, record.terms.profile, record.person)
        if name not in _known:
            _kept.append(found)
            _known[name] = super().profile_of(record)
        return _known[name]


_known: dict[tuple[int, str, str, Person], Profile] = {}
_kept: list[ProfileSet] = []  # kept alive, so that no other object gets the same id()


class Process:
    """The services of one instance, put together as ``shared.bootstrap`` does."""

    def __init__(
        self,
        *,
        clock: Clock,
        store: MemoryStore,
        cloud: FakeCloud,
        profiles: FixedProfiles,
        topics: Topics,
        tokens: Tokens,
        policy: Policy,
        allowed_domains: Collection[str],
    ) -> None:
        admission = Admission(store=store, clock=clock, limit=policy.creations)
        drivers = {kind: FakeDriver(kind, cloud) for kind in Kind}
        reader = RememberingReader(
            store=store,
            profiles=profiles,
            drivers=drivers,
            search=FakeSearch(cloud),
            shortages=Shortages(store=store, clock=clock),
            admission=admission,
            clock=clock,
            site=SITE,
            policy=policy,
        )
        self.converge = Converge(
            store=store,
            reader=reader,
            actions=ActionTaker(
                drivers=drivers, note_shortage=reader.note_shortage, clock=clock, policy=policy
            ),
            admission=admission,
            announcer=Announcer(
                store=store, publisher=topics, topic="environment-events", project="demo"
            ),
            clock=clock,
            tokens=tokens,
            policy=policy,
        )
        self.intake = Intake(
            store=store,
            records=PersonRecords(store=store, clock=clock),
            parking=Parking(store=store, clock=clock),
            profiles=profiles,
            converge=self.converge,
            bulk_retries=BulkRetries(store=store, publisher=topics, topic="admin-events"),
            clock=clock,
            allowed_domains=allowed_domains,
        )
        self.tick = Tick(
            store=store,
            publisher=topics,
            admission=admission,
            census=FakeCensus(cloud),
            clock=clock,
            topic="converge",
            policy=policy,
        )
