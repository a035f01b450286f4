"""Default methods of drivers for steps that a kind of resource does not have.

The port ``Driver`` has all steps of all kinds. A default changes nothing and returns the current
state. It must not know any API.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource


class DriverDefaults(ABC):
    """For resources that cannot be started, restored or protected and need no consent."""

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Not supported, since only our labels identify it as ours: returns the current state."""
        return self._current(resource)

    def consented(self, resource: Resource) -> bool | None:
        """None: no consent is needed."""
        return None

    @abstractmethod
    def _current(self, resource: Resource) -> Observation:
        """The current state of a resource that the caller has just observed."""
