"""Quotas: resources per collection, requests per minute, and operations at the same time.

None applies until an admin sets it. A minute is one of the cloud's clock, so that a test can
advance it. The caller counts resources and operations.
"""

import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

from local.errors import ApiError

_MINUTE = timedelta(minutes=1)
_FIELDS = ("live", "per_minute", "operations")


class Quotas:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[str, int] = {}
        self._per_minute: dict[str, int] = {}
        self._operations: dict[str, int] = {}
        self._requests: dict[str, deque[datetime]] = defaultdict(deque)

    def set(self, spec: dict[str, Any]) -> None:
        """Replace all.

        {"live": {"notebooks.instances": 100}, "per_minute": {"notebooks": 60},
        "operations": {"notebooks": 50}}
        """
        violations = _violations(spec)
        if violations:
            raise ApiError.invalid("Invalid quotas: " + "; ".join(violations), violations)
        with self._lock:
            self._live = dict(spec.get("live", {}))
            self._per_minute = dict(spec.get("per_minute", {}))
            self._operations = dict(spec.get("operations", {}))
            self._requests.clear()

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "live": dict(self._live),
                "per_minute": dict(self._per_minute),
                "operations": dict(self._operations),
            }

    def check_request(self, service: str, now: datetime) -> None:
        """Count a request; 429 if the service's limit for the last minute is reached."""
        with self._lock:
            limit = self._per_minute.get(service)
            if limit is None:
                return
            recent = self._requests[service]
            while recent and now - recent[0] >= _MINUTE:
                recent.popleft()
            if len(recent) >= limit:
                raise _exceeded(service, limit, "Requests", "Requests per minute")
            recent.append(now)

    def check_room(self, collection: str, live: int) -> None:
        """429 if `collection` ("notebooks.instances") has its limit of `live` resources already."""
        with self._lock:
            limit = self._live.get(collection)
        if limit is not None and live >= limit:
            raise ApiError.exhausted(
                f"Quota limit '{collection}' has been exceeded. Limit: {limit}, in use: {live}."
            )

    def check_operations(self, service: str, under_way: int) -> None:
        """429 if `service` has its limit of operations `under_way` already."""
        with self._lock:
            limit = self._operations.get(service)
        if limit is not None and under_way >= limit:
            raise _exceeded(service, limit, "Concurrent operations", "Concurrent operations")


def _exceeded(service: str, limit: int, metric: str, per: str) -> ApiError:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "RATE_LIMIT_EXCEEDED",
        "domain": "googleapis.com",
        "metadata": {"service": f"{service}.googleapis.com", "quota_limit_value": str(limit)},
    }
    return ApiError(
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric '{metric}' and limit '{per}' of service "
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
