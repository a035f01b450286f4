"""The time: the machine's, or that of an endpoint, for rehearsals whose clock can be moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import requests


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC)


class EndpointClock:
    """The clock of a server that answers at ``url`` with ``{"now": "2026-01-31T12:00:00+00:00"}``.

    ``ahead`` is called with each answer's difference to the machine's clock.
    """

    def __init__(
        self,
        url: str,
        ahead: Callable[[timedelta], None] = lambda by: None,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._ahead = ahead
        self._timeout = timeout_seconds
        self._session = requests.Session()

    def now(self) -> datetime:
        """The time there, in UTC; a failed call fails the request, since the time is not known."""
        answer = self._session.get(self._url, timeout=self._timeout)
        answer.raise_for_status()
        now = datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)
        self._ahead(now - datetime.now(UTC))
        return now
