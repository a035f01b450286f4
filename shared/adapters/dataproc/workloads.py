"""What the drivers of sessions and clusters share: list a person's, end them one by one.

People start these workloads from their templates. The two kinds differ in the calls that list and
end them and in Google's names for their states; their drivers add only that. Operations are never
awaited: the next observation shows the result.
"""

from __future__ import annotations

import time
import uuid
from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from shared.adapters.driver_defaults import DriverDefaults
from shared.adapters.google_api.fault_table import translated
from shared.domain.faults import CloudFault
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import MOST_ITEMS, Item, Observation
from shared.domain.resources.resource import Resource

SECONDS = 20.0  # the deadline of each call
UNLABELLED = "it lacks our labels for this person"
_SHOWN = 5  # names in a message about workloads of others
_CALLS_SECONDS = 35.0  # no call starts later than this, because the lease expires


class Workload(msgspec.Struct, frozen=True):
    """One session or cluster; ``foreign_reason``: why it must not be touched, '' if it may be.

    ``labelled_for``: the key of somebody else in our labels, though the person is its owner.
    ``created_at``: None where the API doesn't say.
    """

    item: Item
    foreign_reason: str = ""
    labelled_for: str = ""
    created_at: datetime | None = None


class WorkloadDriver(DriverDefaults):
    """One listing (all pages) per observation; for a deletion, one call per ended workload.

    Only the person starts and changes them, so this driver does neither.
    """

    kind: Kind
    _ending_state: ClassVar[str]  # Google's state of one that is being ended
    ended_states: ClassVar[Collection[str]]  # Google's states of one that has ended

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """The person's workloads; READY as long as one of them is not being ended."""
        found = self.active(resource.name, key, email)
        foreign = [f"{one.item.name}: {one.foreign_reason}" for one in found if one.foreign_reason]
        detail = "; ".join(foreign[:_SHOWN])
        items = [one.item for one in found if not one.foreign_reason]
        if not items:
            return Observation(state=State.ABSENT, detail=detail)
        items.sort(key=lambda item: item.state == self._ending_state)  # running ones first
        return Observation(
            state=self.state_of(items[0].state),
            items=tuple(items[:MOST_ITEMS]),
            more=len(items[MOST_ITEMS:]),
            detail=detail,
        )

    def active(
        self, parent: str, key: str, email: str, *, by_owner: bool = False
    ) -> list[Workload]:
        """Those in ``parent`` that have our labels for the person and have not ended.

        ``by_owner``: also those without our labels whose owner is the person, with a
        ``foreign_reason``. This lists the workloads of all people.
        """
        with translated(changes=False):
            found = self._list(parent, key, email, by_owner=by_owner)
        return [one for one in found if self.state_of(one.item.state) is not State.ABSENT]

    @classmethod
    def state_of(cls, name: str) -> State:
        """The state that Google calls ``name``: READY, DELETING while it is being ended, or ABSENT
        once it has ended."""
        if name in cls.ended_states:
            return State.ABSENT
        return State.DELETING if name == cls._ending_state else State.READY

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Only the person starts them: observes them."""
        return self.observe(resource, key, email, None)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Only the person changes them: observes them."""
        return self.observe(resource, key, email, None)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """End those of ``resource.workload.items`` that are not ending, as just observed.

        If one can't be ended, the others are ended first, then its fault is raised. The observation
        has the first operation, so that a later deletion counts as a new step.
        """
        until = time.monotonic() + _CALLS_SECONDS
        remaining, faults = [], []
        to_end = [item for item in resource.workload.items if item.state != self._ending_state]
        for item in resource.workload.items:
            after: Item | None = item
            if item in to_end and time.monotonic() < until:
                try:
                    after = self._end_one(item, request_id)
                except CloudFault as fault:
                    faults.append(fault)
            if after is not None:
                remaining.append(after)
        if faults:
            raise faults[0]
        if not remaining and not resource.workload.more:
            return Observation(state=State.ABSENT)
        first = next((item.operation for item in remaining if item.operation), "")
        return Observation(
            state=State.DELETING,
            items=tuple(remaining),
            more=resource.workload.more,
            operation=first,
        )

    def _end_one(self, item: Item, request_id: str) -> Item | None:
        """``item`` while it is being ended; None if it no longer exists."""
        item_request_id = str(uuid.uuid5(uuid.UUID(request_id), item.name))
        try:
            with translated(changes=True):
                operation = self._end(item, item_request_id)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return None
            if fault.code != "FAILED_PRECONDITION" or not self._is_ending(item.name):
                raise
            operation = ""
        return replace(item, state=self._ending_state, operation=operation)

    def _is_ending(self, name: str) -> bool:
        """Whether it has ended or is ending, so that the rejected call was not needed."""
        with translated(changes=False):
            return self.state_of(self._state_name(name)) is not State.READY

    def _current(self, resource: Resource) -> Observation:
        # The caller has just observed it, and a listing needs the person's key.
        return Observation(
            state=resource.state, items=resource.workload.items, more=resource.workload.more
        )

    @abstractmethod
    def _list(self, parent: str, key: str, email: str, *, by_owner: bool) -> list[Workload]:
        """Those that have the person's labels (or are theirs, see ``active``), in any state."""

    @abstractmethod
    def _end(self, item: Item, request_id: str) -> str:
        """Request the end of one; returns the name of the operation."""

    @abstractmethod
    def _state_name(self, name: str) -> str:
        """Google's name of its state."""


def operation_name(future: Any) -> str:
    """The name of the operation in a future of Google's client."""
    return str(future.operation.name)
