"""Quotas: how many resources may live in a collection, how many requests a service takes a minute.

Off until an admin sets them. The minute is one of the cloud's clock, so that a test can wait it out
by moving the clock. Counting what lives is the caller's work.
"""

import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

from local.errors import ApiError

_MINUTE = timedelta(minutes=1)
_FIELDS = ("live", "per_minute")


class Quotas:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, int] = {}
        self._per_minute: dict[str, int] = {}
        self._requests: dict[str, deque[datetime]] = defaultdict(deque)

    def set(self, spec: dict[str, Any]) -> None:
        """Replace all: {"live": {"notebooks.instances": 100}, "per_minute": {"notebooks": 60}}."""
        violations = _violations(spec)
        if violations:
            raise ApiError.invalid("Invalid quotas: " + "; ".join(violations), violations)
        with self._lock:
            self._live = dict(spec.get("live", {}))
            self._per_minute = dict(spec.get("per_minute", {}))
            self._requests.clear()

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {"live": dict(self._live), "per_minute": dict(self._per_minute)}

    def check_request(self, service: str, now: datetime) -> None:
        """Count a request; 429 when the service has had its share of the last minute."""
        with self._lock:
            limit = self._per_minute.get(service)
            if limit is None:
                return
            recent = self._requests[service]
            while recent and now - recent[0] >= _MINUTE:
                recent.popleft()
            if len(recent) >= limit:
                raise _rate_exceeded(service, limit)
            recent.append(now)

    def check_room(self, collection: str, live: int) -> None:
        """429 when `live` resources already fill `collection` ("notebooks.instances")."""
        with self._lock:
            limit = self._live.get(collection)
        if limit is not None and live >= limit:
            raise ApiError.exhausted(
                f"Quota limit '{collection}' has been exceeded. Limit: {limit}, in use: {live}."
            )


def _rate_exceeded(service: str, limit: int) -> ApiError:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {"service": f"{service}.googleapis.com", "quota_limit_value": str(limit)},
    }
    return ApiError(
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service "
        f"'{service}.googleapis.com'.",
        [info],
    )


def _violations(spec: dict[str, Any]) -> list[str]:
    found = [f"{key}: unknown field" for key in spec if key not in _FIELDS]
    for field in _FIELDS:
        limits = spec.get(field, {})
        if not isinstance(limits, dict):
            found.append(f"{field}: must be an object")
            continue
        for name, limit in limits.items():
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
                found.append(f"{field}.{name}: must be a whole number, 0 or more")
    return found
