"""The time: of the machine, or of an endpoint, for tests in which the clock is set forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)


class EndpointClock:
    """The clock of a server that returns ``{"now": "2026-01-31T12:00:00+00:00"}`` at ``url``.

    ``on_offset`` is called with the difference between each answer and the machine's clock.
    """

    def __init__(
        self,
        url: str,
        on_offset: Callable[[timedelta], None] = lambda offset: None,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._on_offset = on_offset
        self._timeout = timeout_seconds
        self._session = requests.Session()

    def now(self) -> datetime:
        """The server's time in UTC; raises what ``requests`` raises."""
        answer = self._session.get(self._url, timeout=self._timeout)
        answer.raise_for_status()
        now = datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)
        self._on_offset(now - datetime.now(UTC))
        return now
