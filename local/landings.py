"""Requests whose caller has given up and which are carried out later all the same.

A scripted fault of kind "late" loses the answer now and has the request carried out when the
cloud's clock has come so far. No thread waits for that: whatever is due is carried out before the
next request, and whenever the clock is moved, as of the moment it was due at. It must not know
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
    """Say how the request served inside is carried out another time; a transport's part."""
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
        """Whether this thread is carrying out a late request; another thread waits to know."""
        with self._lock:
            return self._landing

    def later(self, moment: datetime, landed: Callable[[str], None]) -> None:
        """Carry the request being served out at `moment`; `landed` is told its outcome.

        The outcome is "OK" or a canonical status. A request that nothing can repeat (a stream) is
        lost for good.
        """
        work = _again.get()
        if work is not None:
            with self._lock:
                heapq.heappush(self._due, (moment, next(self._order), work, landed))

    def land_due(self) -> None:
        """Carry out everything that is due, in order; nothing inside a landing itself."""
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
