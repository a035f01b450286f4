"""Ten thousand people join at once: the real entry points, on a cloud that counts and refuses.

The joins are handled as fast as this machine can, by one process of several threads; a tick that
is due meanwhile comes in between. Then the cloud's clock runs from minute to minute, and at each
the tick runs with all it asks for, until nobody is on the way any more. What came of it is read
from the cloud and from the records.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cloudevents.http import CloudEvent

from bench import events
from bench.cloud import Cloud
from bench.crew import MINUTE, Crew
from bench.product import Forward, Rehearsed, onboard, serving
from bench.queueing import Arrival
from local.cloud import VERB_SECONDS
from shared.bootstrap import App
from shared.domain.environment import Environment, Phase

CREATION_SECONDS = VERB_SECONDS["create"]
_SOME = 250  # joins between two looks at the clock
_MOST_TICKS = 24 * 60  # a day of the cloud's; whoever isn't ready by then counts as lost
_ON_THE_WAY = (Phase.PROVISIONING, Phase.FAILING)


@dataclass
class Burst:
    """What was written down of one.

    ``made``: owner and moment for each notebook in the cloud. ``ready``: when the records say so.
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


def run(cloud: Cloud, directory: Path, *, joins: int, creations: int, per_minute: int) -> Burst:
    """``joins`` people on ``cloud``, which refuses more than ``creations`` operations at once and
    ``per_minute`` requests to the notebooks; it is to be empty, and its clock is moved."""
    cloud.limit({"per_minute": {"notebooks": per_minute}, "operations": {"notebooks": creations}})
    burst, state = Burst(joins, creations), Counter[str]()
    settings = cloud.settings(f"sqlite:{directory / 'burst.db'}", creations)
    with serving(settings, lambda given: Rehearsed(given, state)) as app:
        clock = app.clock
        assert isinstance(clock, Forward), "it is Rehearsed"
        with Crew(cloud, clock) as crew:
            crew.advance(MINUTE * 0)
            _Course(cloud, crew, clock, burst).take(lambda: _is_over(app))
        state.pop("page", None)  # our own question
        burst.calls += Counter({f"state.{name}": count for name, count in state.items()})
        burst.ready = {e.person.email: e.updated_at for e in _all(app) if e.phase is Phase.READY}
    cloud.limit({})
    for notebook in cloud.notebooks():
        owner = ",".join(notebook["instanceOwners"])
        burst.made.append((owner, datetime.fromisoformat(notebook["createTime"])))
    return burst


class _Course:
    """The joins, and the minutes after them."""

    def __init__(self, cloud: Cloud, crew: Crew, clock: Forward, burst: Burst) -> None:
        self._cloud = cloud
        self._crew = crew
        self._clock = clock
        self._burst = burst
        self._next_tick = clock.now() + MINUTE

    def take(self, is_over: Callable[[], bool]) -> None:
        """From the first join to the end."""
        self._cloud.forget_calls()
        for first in range(0, self._burst.joins, _SOME):
            last = min(first + _SOME, self._burst.joins)
            self._join([_email(number) for number in range(first, last)])
            if self._clock.now() >= self._next_tick:
                self._tick()
        while not is_over() and len(self._burst.ticks) < _MOST_TICKS:
            self._crew.advance(self._next_tick - self._cloud.now())
            self._tick()

    def _join(self, emails: Sequence[str]) -> None:
        now = self._clock.now()
        received = [
            events.cloud_event("onboarding", events.join(email, now), email) for email in emails
        ]
        began = time.process_time()
        self._crew.handle(self._onboard, received)
        self._burst.joining += time.process_time() - began
        self._note()

    def _onboard(self, event: CloudEvent) -> None:
        began = self._clock.now()
        onboard(event)
        self._burst.arrivals.append(Arrival(event["id"], began, self._clock.now()))

    def _tick(self) -> None:
        self._burst.ticks.append(self._clock.now())
        began = time.process_time()
        self._burst.converged += self._crew.tick()
        self._burst.converging += time.process_time() - began
        self._next_tick = max(self._next_tick + MINUTE, self._clock.now())
        self._note()

    def _note(self) -> None:
        """Add up what the cloud was asked; it doesn't remember for ever."""
        calls = self._cloud.calls()
        ours = {"pubsub.subscriptions.pull", "pubsub.subscriptions.acknowledge"}
        self._burst.calls += Counter({n: c for n, c in calls.items() if n not in ours})
        self._burst.refused += self._cloud.refused("notebooks")
        self._cloud.forget_calls()


def _email(number: int) -> str:
    return f"joiner-{number}@example.com"


def _is_over(app: App) -> bool:
    return not any(app.store.page(1, phase=phase).items for phase in _ON_THE_WAY)


def _all(app: App) -> list[Environment]:
    found: list[Environment] = []
    cursor = ""
    while True:
        page = app.store.page(500, cursor)
        found += page.items
        cursor = page.next
        if not cursor:
            return found
