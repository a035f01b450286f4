"""Sets the proxy address of a running instance, at once or some time later.

On Google Cloud an instance can be ACTIVE before it has a `proxyUri`. It must not know HTTP
routes or operations.
"""

from datetime import datetime, timedelta
from typing import Any

from local.api.store import Collection

Json = dict[str, Any]


class Proxies:
    def __init__(self, instances: Collection) -> None:
        self._instances = instances
        self._due: dict[str, tuple[datetime, str]] = {}  # name -> due time and address

    def started(self, instance: Json, now: datetime, seconds: float) -> None:
        """Remove the address of an instance that started at `now`, for `seconds`."""
        self._due.pop(instance["name"], None)
        if seconds and "proxyUri" in instance:
            due = now + timedelta(seconds=seconds)
            self._due[instance["name"]] = (due, instance.pop("proxyUri"))

    def settle(self, now: datetime) -> None:
        """Set the addresses that are due, if the instance still runs."""
        for name, (due, uri) in self._due.items():
            instance = self._instances.find(name)
            if instance is not None and instance["state"] == "ACTIVE" and due <= now:
                instance["proxyUri"] = uri
