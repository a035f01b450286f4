"""Zones without capacity, shared by all people, so that not everybody tries such a zone in vain.

A process does not read the stored list at its start, because on a quiet day every join would need
that call. So its first join may try one zone in vain; the list is read before it tries the next.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from shared.ports import Clock, EnvironmentStore

# A shortage that another process reported within this time costs one failed attempt; reading the
# list every time would cost every join a call.
_FRESH = timedelta(seconds=60)


class Shortages:
    """The stored shortages, as last read by this process, and its own reports.

    The store is read again a minute after the last time (at first: after the first call of
    ``current``), and after a report of this process.
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
        """The shortages now, as ``zone/machine-type``; mostly without a call to the store."""
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
        """Note the shortage ``what`` (``zone/machine-type``) until ``until``, for all processes."""
        with self._lock:
            known = self._known.get(what)
            if known is not None and until - known < _FRESH:
                return  # many people meet the same shortage: one call a minute is enough
            self._known[what] = until
            self._has_reported = True
        self._store.report_shortage(what, until)
