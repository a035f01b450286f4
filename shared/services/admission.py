"""Who may have a notebook made now: ten thousand joins on a Monday queue instead of storming.

Two doors lead in. The tick admits people in the order in which they began to wait, as many as
there is room for. A join comes in by itself only while nobody waits, and each process lets in no
more than a tenth of the limit between two looks at the store: so the limit holds without a
counter that everybody would have to write. It may be exceeded by what some processes let in at
the same moment, never by a storm.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from shared.ports import Clock, EnvironmentStore

_FRESH = timedelta(seconds=30)
_SHARE = 10


class Admission:
    """``limit``: how many notebooks may be made at once."""

    def __init__(self, *, store: EnvironmentStore, clock: Clock, limit: int) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._room = 0
        self._read_at: datetime | None = None

    def take(self) -> bool:
        """Let one in by the side door, if there is room and nobody waits."""
        now = self._clock.now()
        with self._lock:
            if self._read_at is None or now - self._read_at >= _FRESH:
                crowd = self._store.creating()
                share = max(self._limit // _SHARE, 1)
                free = self._limit - crowd.creating if not crowd.waiting else 0
                self._room = min(free, share)
                self._read_at = now
            if self._room <= 0:
                return False
            self._room -= 1
            return True

    def turns(self) -> int:
        """How many of those who wait may be let in now."""
        return max(self._limit - self._store.creating().creating, 0)
