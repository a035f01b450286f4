"""Profiles in a bucket are looked at once in a while, by one thread, and kept when that fails.

Must not know what is looked at: a prefix, or one object.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from shared.adapters.profiles.last_good import LastGood
from shared.domain.profiles import ProfileSet
from shared.ports import Clock

TTL = timedelta(seconds=60)
TIMEOUT = (5.0, 10.0)  # seconds to connect, to be answered; of each call
ALL_TRIES = 20.0  # seconds; these calls only read, so the client may repeat them


class PolledProfiles(ABC):
    """A source that looks at most once every ``ttl``.

    While one thread looks, the others go on with the last good set.
    """

    def __init__(self, good: LastGood, clock: Clock, ttl: timedelta) -> None:
        self._set = good
        self._clock = clock
        self._ttl = ttl
        self._look_at: datetime | None = None
        self._lock = threading.Lock()

    def current(self) -> ProfileSet:
        """See ``ports.ProfileSource``. Storage errors pass while there is no good set yet."""
        # Only the first set is worth waiting for.
        if self._lock.acquire(blocking=not self._set.is_good):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._set.get()

    @abstractmethod
    def _offer(self, to: LastGood) -> None:
        """Look, and offer ``to`` what there is; may raise what storage raises."""

    def _look(self) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption
        from requests import RequestException

        now = self._clock.now()
        if self._look_at is not None and now < self._look_at:
            return
        try:
            self._offer(self._set)
        except (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption) as error:
            self._set.keep_after(error)
        self._look_at = now + self._ttl
