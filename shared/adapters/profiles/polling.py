"""Polls profiles in a bucket: at most once per interval, by one thread at a time.

It must not know what is read: a prefix, or one object.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from datetime import datetime, timedelta

from shared.adapters.profiles.last_good import LastGoodProfiles
from shared.domain.profiles import ProfileSet
from shared.ports import Clock

TTL = timedelta(seconds=60)
TIMEOUT = (5.0, 10.0)  # of each call: seconds to connect, seconds to read
ALL_TRIES = 20.0  # seconds for a call with its retries; these calls only read


class PolledProfiles(ABC):
    """A source that reads at most once every ``ttl``.

    While one thread reads, the others use the last valid set.
    """

    def __init__(self, profiles: LastGoodProfiles, clock: Clock, ttl: timedelta) -> None:
        self._profiles = profiles
        self._clock = clock
        self._ttl = ttl
        self._poll_at: datetime | None = None
        self._lock = threading.Lock()

    def current(self) -> ProfileSet:
        """See ``ports.ProfileSource``. Without a valid set, errors of Storage propagate."""
        # Wait for the other thread only if there is no set yet.
        if self._lock.acquire(blocking=not self._profiles.in_force):
            try:
                self._poll()
            finally:
                self._lock.release()
        return self._profiles.get()

    @abstractmethod
    def _refresh(self, profiles: LastGoodProfiles) -> None:
        """Read, and refresh ``profiles``; may raise errors of Storage."""

    def _poll(self) -> None:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption
        from requests import RequestException

        now = self._clock.now()
        if self._poll_at is not None and now < self._poll_at:
            return
        try:
            self._refresh(self._profiles)
        except (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption) as error:
            self._profiles.read_failed(error)
        self._poll_at = now + self._ttl
