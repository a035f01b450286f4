"""The steps that a kind of resource has no use for, once for all such kinds.

The port asks every driver for every step; here each only answers what is there. It must not know
any API.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from shared.domain.resources import Observation, Resource


class Plain(ABC):
    """Half a driver: of what neither runs nor holds data nor asks its owner for consent."""

    def start(self, resource: Resource, request_id: str) -> Observation:
        """It can't be started: only answers what is there."""
        return self._there(resource)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """It can't be stopped: only answers what is there."""
        return self._there(resource)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Nothing can be put into it: only answers what is there."""
        return self._there(resource)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """It can't be protected: only answers what is there."""
        return self._there(resource)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Without our labels it is not recognised as ours: only observes it."""
        return self._there(resource)

    def consented(self, resource: Resource) -> bool | None:
        """Its owner is asked for nothing."""
        return None

    @abstractmethod
    def _there(self, resource: Resource) -> Observation:
        """What is there now, of something that was just observed."""
