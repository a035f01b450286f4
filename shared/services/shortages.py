"""What zones lack, remembered for everybody: one person's stock-out spares the others theirs.

A process that has just started does not ask: on a quiet day each join would pay for that call. So
its first join may try one zone in vain; when it has, the store is asked before the next zone.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from shared.ports import Clock, EnvironmentStore

# A zone that ran dry a moment ago costs one more failed attempt; asking the store every time would
# cost every join a call.
_FRESH = timedelta(seconds=60)


class Shortages:
    """The store's memory of shortages, as far as this process has read it.

    It is read when a minute has passed since it was read last, or since ``current`` was called
    first; and after a report of our own.
    """

    def __init__(self, *, store: EnvironmentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, datetime] = {}
        self._stored: frozenset[str] = frozenset()
        self._read_at: datetime | None = None
        self._has_reported = False

    def current(self) -> frozenset[str]:
        """What zones lack now, as ``zone/machine-type``; mostly without a call."""
        now = self._clock.now()
        with self._lock:
            if self._read_at is None:
                self._read_at = now
            if self._has_reported or now - self._read_at >= _FRESH:
                self._stored = self._store.shortages(now)
                self._read_at, self._has_reported = now, False
            own = {what for what, until in self._known.items() if until > now}
            return self._stored | own

    def report(self, what: str, until: datetime) -> None:
        """Remember ``what`` until then, here and for everybody."""
        with self._lock:
            known = self._known.get(what)
            if known is not None and until - known < _FRESH:
                return  # a thousand people find it out in the same minute
            self._known[what] = until
            self._has_reported = True
        self._store.report_shortage(what, until)
