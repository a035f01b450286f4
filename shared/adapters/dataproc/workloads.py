"""What people start from their templates: all of a person's are listed, and ended one by one.

Sessions and clusters differ in how they are listed and ended, and in Google's words for their
states; that is all their drivers have to say. No operation is waited for: the next look tells.
"""

from __future__ import annotations

import time
import uuid
from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from shared.adapters.driver_defaults import Plain
from shared.adapters.google_api.fault_table import translated
from shared.domain.faults import CloudFault
from shared.domain.resources import (
    MOST_ITEMS,
    Item,
    Kind,
    Observation,
    Resource,
    State,
    Want,
)

SECONDS = 20.0  # for each call
UNLABELLED = "it lacks our labels for this person"
_SHOWN = 5  # names in a message about those left alone
_ENOUGH = 35.0  # seconds after which no further call starts, because the lease runs out


class Use(msgspec.Struct, frozen=True):
    """One session or cluster that still exists; ``hands_off`` says why it is left alone, or ''."""

    item: Item
    hands_off: str = ""


class UsesDriver(Plain):
    """One listing (its pages) for a look; for a deletion one call for each that is ended.

    Nobody but the person makes them, so nothing is ever created, changed or started here.
    """

    kind: Kind
    _ending: ClassVar[str]  # the state of one that is being ended
    _over: ClassVar[Collection[str]]  # the states in which there is nothing left to end

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """All that are there now; READY as long as one of them could be worked with."""
        uses = self.alive(resource.name, key, email)
        others = [f"{use.item.name}: {use.hands_off}" for use in uses if use.hands_off]
        detail = "; ".join(others[:_SHOWN])
        items = [use.item for use in uses if not use.hands_off]
        if not items:
            return Observation(state=State.ABSENT, detail=detail)
        items.sort(key=lambda item: item.state == self._ending)  # those that run come first
        return Observation(
            state=State.READY if items[0].state != self._ending else State.DELETING,
            items=tuple(items[:MOST_ITEMS]),
            more=len(items[MOST_ITEMS:]),
            detail=detail,
        )

    def alive(self, parent: str, key: str, email: str, *, by_owner: bool = False) -> list[Use]:
        """Those under ``parent`` that carry our labels for the person and are not over.

        ``by_owner``: also those that lost our labels and say that they are the person's. All
        people's are listed for that, and what lacks the labels is left alone.
        """
        with translated(changes=False):
            found = self._listed(parent, key, email, by_owner=by_owner)
        return [use for use in found if use.item.state not in self._over]

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """The person starts them, not we: only observes them."""
        return self.observe(resource, key, email, None)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """The person changes them, not we: only observes them."""
        return self.observe(resource, key, email, None)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """End those of ``resource.items`` that aren't ending; which these are was just observed.

        One that can't be ended doesn't keep the others running; its fault is raised after them.
        The answer's ``operation`` is the first of them, so that a repeat is known for a new step.
        """
        until = time.monotonic() + _ENOUGH
        left, faults = [], []
        todo = [item for item in resource.items if item.state != self._ending]
        for item in resource.items:
            ended: Item | None = item
            if item in todo and time.monotonic() < until:
                try:
                    ended = self._end_one(item, request_id)
                except CloudFault as fault:
                    faults.append(fault)
            if ended is not None:
                left.append(ended)
        if faults:
            raise faults[0]
        if not left and not resource.more:
            return Observation(state=State.ABSENT)
        first = next((item.operation for item in left if item.operation), "")
        return Observation(
            state=State.DELETING, items=tuple(left), more=resource.more, operation=first
        )

    def _end_one(self, item: Item, request_id: str) -> Item | None:
        """``item`` on its way out, or None if it is gone."""
        own = str(uuid.uuid5(uuid.UUID(request_id), item.name))
        try:
            with translated(changes=True):
                operation = self._end(item, own)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return None
            if fault.code != "FAILED_PRECONDITION" or not self._is_ending(item.name):
                raise
            operation = ""
        return replace(item, state=self._ending, operation=operation)

    def _is_ending(self, name: str) -> bool:
        """Whether it was refused only because somebody else had ended it."""
        with translated(changes=False):
            return self._state_of(name) in (self._ending, *self._over)

    def _there(self, resource: Resource) -> Observation:
        # It was just observed, and without the person's key there is nothing to look for.
        return Observation(state=resource.state, items=resource.items, more=resource.more)

    @abstractmethod
    def _listed(self, parent: str, key: str, email: str, *, by_owner: bool) -> list[Use]:
        """Those that carry the person's labels (or are theirs, see ``alive``), in any state."""

    @abstractmethod
    def _end(self, item: Item, request_id: str) -> str:
        """Ask for the end of one; the name of the operation."""

    @abstractmethod
    def _state_of(self, name: str) -> str:
        """The state of one, in Google's word."""


def operation_name(future: Any) -> str:
    """The name of the operation that Google's client has wrapped into a future."""
    return str(future.operation.name)
