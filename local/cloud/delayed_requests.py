"""Requests whose answer was lost and which are carried out later.

A scripted fault of kind "late" loses the answer now; the request is carried out when the cloud's
clock reaches its time. No thread waits for that: requests that are due are carried out before the
next request, and when the clock is moved, with the time at which they were due. It must not know
faults, transports or services.
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

_again: ContextVar[Work | None] = ContextVar("again", default=None)


@contextmanager
def repeatable(work: Work) -> Iterator[None]:
    """Register how to repeat the request served inside; implemented by each transport."""
    token = _again.set(work)
    try:
        yield
    finally:
        _again.reset(token)


class Landings:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._due: list[tuple[datetime, int, Work, Callable[[str], None]]] = []
        self._order = count()
        self._landing = False

    @property
    def landing(self) -> bool:
        """Whether this thread is carrying out a late request; another thread blocks meanwhile."""
        with self._lock:
            return self._landing

    def later(self, moment: datetime, landed: Callable[[str], None]) -> None:
        """Carry out the current request at `moment`, and call `landed` with its outcome.

        The outcome is "OK" or a canonical status. A request that nothing can repeat (a stream) is
        lost for good.
        """
        work = _again.get()
        if work is not None:
            with self._lock:
                heapq.heappush(self._due, (moment, next(self._order), work, landed))

    def land_due(self) -> None:
        """Carry out everything that is due, in order; do nothing while one is being carried out."""
        with self._lock:
            if self._landing:
                return
            self._landing = True
            try:
                while self._due and self._due[0][0] <= self._clock.now():
                    moment, _, work, landed = heapq.heappop(self._due)
                    with self._clock.as_of(moment):
                        landed(_outcome(work))
            finally:
                self._landing = False


def _outcome(work: Work) -> str:
    try:
        answer = work()
    except ApiError as error:
        return error.status
    except ConnectionDropped:
        return "DROPPED"
    # Some services turn their errors into answers themselves.
    status = getattr(answer, "status_code", 200)
    return "OK" if status < 400 else f"HTTP {status}"
