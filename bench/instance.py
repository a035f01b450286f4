"""One instance of the functions: a process of its own, which handles what it is handed.

As in a deployment it has its own memory of profiles, shortages and who may be let in; it shares
with the others only the state and the cloud.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

from bench import events
from bench.product import Forward, Rehearsed, converge, in_a_request, onboard, reconcile, serving
from bench.queueing import Arrival

_THREADS = 4
_HANDLERS = {"onboard": onboard, "converge": converge, "reconcile": reconcile}


@dataclass(frozen=True)
class Post:
    """A Pub/Sub message, as the API shows it, and its topic."""

    topic: str
    message: events.Json


@dataclass(frozen=True)
class Done:
    """What handling took: seconds of CPU, calls to the state by method, and when each was done."""

    cpu: float
    state: Counter[str]
    arrivals: list[Arrival]

    @classmethod
    def of(cls, parts: Iterable[Done]) -> Done:
        """All of them together."""
        whole = cls(0.0, Counter(), [])
        for part in parts:
            arrivals = whole.arrivals + part.arrivals
            whole = cls(whole.cpu + part.cpu, whole.state + part.state, arrivals)
        return whole


class _Instance:
    def __init__(self, settings: dict[str, str]) -> None:
        self._counts: Counter[str] = Counter()
        self._clock = Forward()
        self._served: set[str] = set()
        self._life = ExitStack()  # ends with the process
        self._life.enter_context(
            serving(settings, lambda given: Rehearsed(given, self._counts, self._clock))
        )
        self._threads = ThreadPoolExecutor(_THREADS, initializer=lambda: in_a_request().push())

    def handle(self, function: str, post: Sequence[Post], forward: timedelta) -> Done:
        self._clock.by = forward
        self._counts.clear()
        handler = _HANDLERS[function]

        def one(item: Post) -> Arrival:
            began = self._clock.now()
            handler(events.received(item.topic, item.message))
            return Arrival(item.message["messageId"], began, self._clock.now())

        began = time.process_time()
        # The first event of an instance comes alone: what it builds, the others share.
        alone = 0 if function in self._served else 1
        self._served.add(function)
        arrivals = list(self._threads.map(one, post[:alone]))
        arrivals += self._threads.map(one, post[alone:])
        return Done(time.process_time() - began, Counter(self._counts), arrivals)


_this: list[_Instance] = []


def begin(settings: dict[str, str]) -> None:
    """Once in each process, before anything is handled."""
    _this.append(_Instance(settings))


def handle(function: str, post: Sequence[Post], forward: timedelta) -> Done:
    """Handle ``post`` by the machine's clock put ``forward``."""
    return _this[0].handle(function, post, forward)
