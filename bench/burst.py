"""Ten thousand people join at once: the real entry points, on a cloud that counts and refuses.

The joins are handled as fast as this machine can, by two processes of several threads; a tick that
is due meanwhile comes in between. Then the cloud's clock runs from minute to minute, and at each
the tick runs with all it asks for, until nobody is on the way any more. What came of it is read
from the cloud and from the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bench import events
from bench.cloud import Cloud
from bench.crew import MINUTE, Crew
from bench.instance import Post
from bench.queueing import Arrival
from local.cloud import VERB_SECONDS
from shared.adapters.state.sqlite_store import SqliteStore
from shared.domain.environment import Environment
from shared.domain.status import Phase
from shared.ports import EnvironmentStore, Filter

CREATION_SECONDS = VERB_SECONDS["create"]
_SOME = 500  # joins between two looks at the clock
_MOST_TICKS = 24 * 60  # a day of the cloud's; people who aren't ready by then count as lost
_MUCH = 1000  # entries of one person's history


@dataclass
class Burst:
    """What was written down of one.

    ``made``: owner and moment for each notebook in the cloud. ``ready``: when their record first
    said so, of those who are ready at the end.
    ``joining``, ``converging``: seconds of CPU. ``converged``: messages of the ticks.
    """

    joins: int
    creations: int
    ticks: list[datetime] = field(default_factory=list)
    converged: int = 0
    joining: float = 0.0
    converging: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    arrivals: list[Arrival] = field(default_factory=list)
    made: list[tuple[str, datetime]] = field(default_factory=list)
    ready: dict[str, datetime] = field(default_factory=dict)


def quota_for(creations: int) -> int:
    """The quota of operations for a limit on creations, which is exceeded by a tenth at most."""
    return creations + creations // 10


def run(cloud: Cloud, directory: Path, *, joins: int, creations: int, per_minute: int) -> Burst:
    """``joins`` people, with a limit of ``creations``, on ``cloud``, which refuses more than
    ``quota_for`` that many operations at once and more than ``per_minute`` requests to the
    notebooks; it must be empty; its clock will be advanced."""
    operations = quota_for(creations)
    cloud.limit({"per_minute": {"notebooks": per_minute}, "operations": {"notebooks": operations}})
    burst = Burst(joins, creations)
    state = directory / "burst.db"
    store = SqliteStore(state)
    with Crew(cloud, cloud.settings(f"sqlite:{state}", creations)) as crew:
        _Course(cloud, crew, burst).take(lambda: _is_over(store))
        burst.calls += Counter({f"state.{name}": count for name, count in crew.state.items()})
    cloud.limit({})
    for environment in _all(store):
        if environment.status.phase is Phase.READY:
            burst.ready[environment.person.email] = _ready_at(store, environment.key)
    store.close()
    for notebook in cloud.notebooks():
        owner = ",".join(notebook["instanceOwners"])
        burst.made.append((owner, datetime.fromisoformat(notebook["createTime"])))
    return burst


class _Course:
    """The joins, and the minutes after them."""

    def __init__(self, cloud: Cloud, crew: Crew, burst: Burst) -> None:
        self._cloud = cloud
        self._crew = crew
        self._burst = burst
        self._next_tick = crew.now() + MINUTE

    def take(self, is_over: Callable[[], bool]) -> None:
        """From the first join to the end."""
        self._cloud.forget_calls()
        for first in range(0, self._burst.joins, _SOME):
            last = min(first + _SOME, self._burst.joins)
            self._join([f"joiner-{number}@example.com" for number in range(first, last)])
            if self._crew.now() >= self._next_tick:
                self._tick()
        while not is_over() and len(self._burst.ticks) < _MOST_TICKS:
            self._crew.advance(self._next_tick - self._cloud.now())
            self._tick()

    def _join(self, emails: Sequence[str]) -> None:
        now = self._crew.now()
        done = self._crew.handle("onboard", [_post(email, now) for email in emails])
        self._burst.joining += done.cpu
        self._burst.arrivals += done.arrivals
        self._note()

    def _tick(self) -> None:
        self._burst.ticks.append(self._crew.now())
        done = self._crew.tick()
        self._burst.converged += len(done.arrivals)
        self._burst.converging += done.cpu
        self._next_tick = max(self._next_tick + MINUTE, self._crew.now())
        self._note()

    def _note(self) -> None:
        """Add up what the cloud was asked; it doesn't remember for ever."""
        calls = self._cloud.calls()
        ours = {"pubsub.subscriptions.pull", "pubsub.subscriptions.acknowledge"}
        self._burst.calls += Counter({n: c for n, c in calls.items() if n not in ours})
        self._burst.refused += self._cloud.refused("notebooks")
        self._cloud.forget_calls()


def _post(email: str, at: datetime) -> Post:
    message: events.Json = events.envelope(events.join(email, at), email)["message"]
    return Post("onboarding", message)


def _is_over(store: EnvironmentStore) -> bool:
    return not store.page(1, only=Filter(phase=Phase.PROVISIONING)).items


def _ready_at(store: EnvironmentStore, key: str) -> datetime:
    """The first time: an hour later somebody looks again whether they have consented."""
    told = f"now {Phase.READY}"
    return min(entry.at for entry in store.history(key, _MUCH) if entry.text == told)


def _all(store: EnvironmentStore) -> list[Environment]:
    found: list[Environment] = []
    cursor = ""
    while True:
        page = store.page(500, cursor)
        found += page.items
        cursor = page.next
        if not cursor:
            return found
