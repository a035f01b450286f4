"""The cloud's clock: real time plus an offset that never decreases.

Operations, leases, retries and schedules all use this clock, so that a test can advance a month in
one call. It must not know its users.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

# A stop event can't wake a condition, so `wait_until` checks it this often (real seconds).
_STOP_CHECK_SECONDS = 0.05


# Set while a delayed request runs: the time at which it was due.
_as_of: ContextVar[datetime | None] = ContextVar("as_of", default=None)


class Clock:
    def __init__(self, start: datetime | None = None) -> None:
        # Monotonic: if the system clock is set back, finished operations must stay finished.
        self._base = (start or datetime.now(UTC)).astimezone(UTC)
        self._started = time.monotonic()
        self._offset = timedelta()
        self._moved = threading.Condition()
        self._after_advance: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """The cloud's time (aware, UTC); inside `as_of`, the time given there."""
        moment = _as_of.get()
        if moment is not None:
            return moment
        with self._moved:
            return self._read()

    @contextmanager
    def as_of(self, moment: datetime) -> Iterator[None]:
        """Make `now()` return `moment`, a past time, in this thread inside the context."""
        token = _as_of.set(moment)
        try:
            yield
        finally:
            _as_of.reset(token)

    def after_advance(self, work: Callable[[], None]) -> None:
        """Run `work` after each advance, in the thread that advanced the clock."""
        self._after_advance.append(work)

    def advance(self, by: timedelta) -> datetime:
        """Move the clock forward, wake all waiting threads, and return the new time."""
        if by < timedelta():
            raise ValueError(f"the clock can only move forward, not by {by}")
        with self._moved:
            self._offset += by
            self._moved.notify_all()
            now = self._read()
        for work in self._after_advance:
            work()
        return now

    def wait_until(self, moment: datetime, stop: threading.Event) -> bool:
        """Block until `moment`; False if `stop` was set before that."""
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
