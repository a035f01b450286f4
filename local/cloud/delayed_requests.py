"""Delayed requests: the client gets no answer now, and the request is applied later.

A scripted fault of kind "late" delays a request until the cloud's clock reaches a given time. No
thread waits for that: due requests run before the next request and after the clock was advanced,
with `Clock.now()` set to the time at which they were due. It must not know faults, transports or
services.
"""

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from itertools import count

from local.clock import Clock
from local.errors import ApiError, ConnectionDropped

Work = Callable[[], object]

_repeat: ContextVar[Work | None] = ContextVar("repeat", default=None)


@contextmanager
def repeatable(work: Work) -> Iterator[None]:
    """Register how the request served inside can be run again; every transport does so."""
    token = _repeat.set(work)
    try:
        yield
    finally:
        _repeat.reset(token)


class DelayedRequests:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._due: list[tuple[datetime, int, Work, Callable[[str], None]]] = []
        self._order = count()
        self._running = False

    @property
    def running(self) -> bool:
        """Whether this thread runs a delayed request now; other threads block until it is done."""
        with self._lock:
            return self._running

    def schedule(self, moment: datetime, done: Callable[[str], None]) -> None:
        """Run the current request again at `moment`, and call `done` with its outcome.

        The outcome is "OK" or a canonical status. A request that can't be repeated (a stream) is
        never applied.
        """
        work = _repeat.get()
        if work is not None:
            with self._lock:
                heapq.heappush(self._due, (moment, next(self._order), work, done))

    def run_due(self) -> None:
        """Run all due requests in order; do nothing if one is running already."""
        with self._lock:
            if self._running:
                return
            self._running = True
            try:
                while self._due and self._due[0][0] <= self._clock.now():
                    moment, _, work, done = heapq.heappop(self._due)
                    with self._clock.as_of(moment):
                        done(_outcome(work))
            finally:
                self._running = False


def _outcome(work: Work) -> str:
    try:
        answer = work()
    except ApiError as error:
        return error.status
    except ConnectionDropped:
        return "DROPPED"
    # Some services turn errors into answers themselves.
    status = getattr(answer, "status_code", 200)
    return "OK" if status < 400 else f"HTTP {status}"
