"""The cloud's clock: real time plus an offset that only ever grows.

Everything that takes time in the local cloud (operations, leases, retries, schedules) asks this
clock, so that a test can let a month pass in one call. It knows nothing of who is waiting or why.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

# A stop event can't wake a condition, so a waiter looks at it this often (real seconds).
_STOP_CHECK_SECONDS = 0.05


# Set while a late request is carried out with the time at which it was due.
_as_of: ContextVar[datetime | None] = ContextVar("as_of", default=None)


class Clock:
    def __init__(self, start: datetime | None = None) -> None:
        # Counted from a monotonic base: a wall clock set back must not undo what is finished.
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._started = time.monotonic()
        self._offset = timedelta()
        self._moved = threading.Condition()
        self._after_advance: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The cloud's time, aware and in UTC; inside `as_of` the moment given there."""
        moment = _as_of.get()
        if moment is not None:
            return moment
        with self._moved:
            return self._read()

    @contextmanager
    def as_of(self, moment: datetime) -> Iterator[None]:
        """Make `now()` return `moment`, a past one, for this thread inside the context."""
        token = _as_of.set(moment)
        try:
            yield
        finally:
            _as_of.reset(token)

    def after_advance(self, work: Callable[[], None]) -> None:
        """Run `work` after each advance, in the thread that advanced the clock."""
        self._after_advance.append(work)

    def advance(self, by: timedelta) -> datetime:
        """Let time pass at once, wake everyone who waits, and return the new time."""
        if by < timedelta():
            raise ValueError(f"the clock only goes forward, not by {by}")
        with self._moved:
            self._offset += by
            self._moved.notify_all()
            now = self._read()
        for work in self._after_advance:
            work()
        return now

    def wait_until(self, moment: datetime, stop: threading.Event) -> bool:
        """Block until `moment`; True when it has come, False when `stop` was set before."""
        with self._moved:
            while not stop.is_set():
                left = (moment - self._read()).total_seconds()
                if left <= 0:
                    return True
                self._moved.wait(min(left, _STOP_CHECK_SECONDS))
        return False

    def _read(self) -> datetime:
        return self._base + timedelta(seconds=time.monotonic() - self._started) + self._offset


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as Google's APIs write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
