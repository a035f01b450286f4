"""Zones without capacity, and the error of an operation that needs a machine there.

There are none until an admin sets them. Message and details are those of Compute Engine; services
that start machines pass them on. It must not know any service.
"""

import threading
from typing import Any

from local.errors import ApiError

Json = dict[str, Any]

_REASON = "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"
_LETTERS = "abcf"  # every region is assumed to have these zones


class Shortages:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._short: dict[str, list[str] | bool] = {}

    def set(self, spec: Json) -> None:
        """Replace all: {"us-central1-a": ["e2-standard-4"], "us-central1-b": true}."""
        violations = _violations(spec)
        if violations:
            raise ApiError.invalid("Invalid shortages: " + "; ".join(violations), violations)
        with self._lock:
            self._short = dict(spec)

    def to_json(self) -> Json:
        with self._lock:
            return dict(self._short)

    def refusal(self, project: str, zone: str, machine_type: str) -> ApiError | None:
        """The error of an operation that needs such a machine there; None if there is capacity."""
        with self._lock:
            if not self._lacks(zone, machine_type):
                return None
            region = zone.rpartition("-")[0]
            zones = [f"{region}-{letter}" for letter in _LETTERS]
            available = [name for name in zones if not self._lacks(name, machine_type)]
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": _REASON,
            "domain": "compute.googleapis.com",
            "metadata": {
                "vmType": machine_type,
                "attachment": "",
                "zonesAvailable": ",".join(available),
                "zone": zone,
            },
        }
        message = (
            f"{_REASON}: The zone 'projects/{project}/zones/{zone}' does not have enough "
            "resources available to fulfill the request. '(resource type:compute)'."
        )
        return ApiError("RESOURCE_EXHAUSTED", message, [info])

    def _lacks(self, zone: str, machine_type: str) -> bool:
        short = self._short.get(zone, False)
        return short if isinstance(short, bool) else machine_type in short


def _violations(spec: Json) -> list[str]:
    found = []
    for zone, short in spec.items():
        types = isinstance(short, list) and all(isinstance(name, str) for name in short)
        if not types and not isinstance(short, bool):
            found.append(f"{zone}: must be true, or a list of machine types")
    return found
