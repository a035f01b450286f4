"""Instances of the functions that share a store and a cloud: from threads, and as a process.

``python -m tests.support.instances ADDRESS LIMIT NAME...`` says ``ready``, waits for a line, then
has all of those join and prints for how many a notebook was asked of the cloud. Each such process
has a cloud of its own, on which nothing is ever finished.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from shared.domain.commands.intent import Verb
from shared.domain.contracts.event_parsing import Message
from shared.domain.names import person_key
from shared.domain.policy import Policy
from shared.domain.profiles.parse import parse_profiles
from shared.domain.resources.kinds import Kind
from shared.ports import Census, Driver, EnvironmentStore, Search
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
from tests.support.backends import opened
from tests.support.fake_drivers import FakeCloud, FakeDriver
from tests.support.fake_search import FakeCensus, FakeSearch
from tests.support.simulation.world import (
    MASTERS,
    PROFILES,
    SITE,
    FixedProfiles,
    ManualClock,
    Topics,
)


class Shared:
    """What instances share besides the store: one cloud, one clock, one Pub/Sub."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.clock = ManualClock()
        self.topics = Topics()
        self.cloud = FakeCloud(self.clock)
        self.lock = threading.RLock()  # for the fakes, which are not thread-safe

    def one_at_a_time(self, part: object) -> Any:
        """``part``, whose methods run under the lock."""
        return _Guarded(part, self.lock)


class Instance:
    """One process, with its own memory."""

    def __init__(self, store: EnvironmentStore, shared: Shared) -> None:
        self.store, self.shared = store, shared
        policy, clock = shared.policy, shared.clock
        guarded = shared.one_at_a_time
        search = cast(Search, guarded(FakeSearch(shared.cloud)))
        profiles = FixedProfiles(parse_profiles(PROFILES, MASTERS))
        shortages = Shortages(store=store, clock=clock)
        self.admission = Admission(store=store, clock=clock, limit=policy.creations)
        drivers = {k: cast(Driver, guarded(FakeDriver(k, shared.cloud))) for k in Kind}
        self.reader = ContextReader(
            store=store,
            profiles=profiles,
            drivers=drivers,
            search=search,
            shortages=shortages,
            admission=self.admission,
            clock=clock,
            site=SITE,
            policy=policy,
        )
        self.converge = Converge(
            store=store,
            reader=self.reader,
            actions=ActionTaker(
                drivers=drivers,
                note_shortage=self.reader.note_shortage,
                clock=clock,
                policy=policy,
            ),
            admission=self.admission,
            announcer=Announcer(
                store=store, publisher=shared.topics, topic="environment-events", project="demo"
            ),
            clock=clock,
            tokens=lambda: uuid.uuid4().hex,
            policy=policy,
        )
        self.intake = Intake(
            store=store,
            records=PersonRecords(store=store, clock=clock),
            parking=Parking(store=store, clock=clock),
            profiles=profiles,
            converge=self.converge,
            bulk_retries=BulkRetries(store=store, publisher=shared.topics, topic="admin-events"),
            clock=clock,
            allowed_domains={"example.com"},
        )
        self.tick = Tick(
            store=store,
            publisher=shared.topics,
            admission=self.admission,
            census=cast(Census, guarded(FakeCensus(shared.cloud))),
            clock=clock,
            topic="converge",
            policy=policy,
        )

    def join(self, name: str, message_id: str = "") -> None:
        """A join of ``name``, who gets a notebook and nothing else."""
        body = {"email": f"{name}@example.com", "profile": "lean"}
        now = self.shared.clock.now()
        message = Message(
            id=message_id or uuid.uuid4().hex,
            topic="onboarding",
            published_at=now,
            data=msgspec.json.encode(body),
        )
        self.intake.accept(message, Verb.JOIN)

    def handle(self, body: dict[str, Any]) -> None:
        """A message of topic ``converge``."""
        key = body["key"] if "key" in body else person_key(body["email"])
        self.converge.run(key, admitted=body.get("admitted", False))


class _Guarded:
    def __init__(self, part: object, lock: threading.RLock) -> None:
        self._part, self._lock = part, lock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._locked(found) if callable(found) else found

    def _locked(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            with self._lock:
                return method(*args, **options)

        return call


def all_join(store: EnvironmentStore, limit: int, names: Iterable[str]) -> int:
    """Handle all joins in one instance; return how many notebooks it created."""
    shared = Shared(Policy(creations=limit))
    instance = Instance(store, shared)
    for name in names:
        instance.join(name)
    return shared.cloud.counts["workbench.create"]


if __name__ == "__main__":
    address, most, *joiners = sys.argv[1:]
    with opened(address) as opened_store:
        print("ready", flush=True)
        sys.stdin.readline()
        print(all_join(opened_store, int(most), joiners))
