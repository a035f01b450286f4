"""What the services need of the world, each with its contract.

Adapters implement these; the services and their tests know nothing else of the outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from shared.domain.environment import Entry, Environment, Parked, Phase
from shared.domain.resources import Kind, Observation, Resource, Want

if TYPE_CHECKING:
    from shared.domain.profiles import ProfileSet

T = TypeVar("T")


class Conflict(Exception):
    """Somebody else changed the record first; load it again and decide anew."""


class BadCursor(ValueError):
    """A listing was asked to go on from something that is no cursor of it."""


class Stored(msgspec.Struct, frozen=True):
    """A record as loaded, with the version that a later save must still find."""

    environment: Environment
    version: str


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor that asks for those after them ('' at the end)."""

    items: tuple[T, ...]
    next: str = ""


class EnvironmentStore(Protocol):
    """The records, their histories, and the parked events.

    State moves by compare-and-swap only. Every method is one remote call (``page``-like methods:
    one a page) with a deadline; failures other than the named ones propagate as they are, so that
    an entry point fails and its message is delivered again.
    """

    def load(self, key: str) -> Stored | None:
        """The record of ``key``, or None when there has never been one."""

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        """Write the record and its new history entries in one atomic commit.

        ``version`` None: only if there is no record yet; otherwise only if it still is the one
        loaded or saved under that version. Returns the new version.
        Raises ``Conflict`` (and writes nothing at all) when somebody else was first.
        """

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        """Add history entries without touching the record (it needn't exist)."""

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        """Records with ``due_at`` at or before ``now``, the longest waiting first."""

    def page(self, limit: int, after: str = "", phase: Phase | None = None) -> Page[Environment]:
        """Records in the order of their keys, all or those of one phase.

        ``after`` is the ``next`` of an earlier page, here as in the other listings; anything else
        raises ``BadCursor``.
        """

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        """The newest ``limit`` entries of ``key``, newest first; none for an unknown key."""

    def park(self, parked: Parked) -> bool:
        """Keep an event with its reason; True if new, False if one of this id is kept already."""

    def parked(self, limit: int, after: str = "") -> Page[Parked]:
        """The parked events, newest first."""


class Driver(Protocol):
    """One kind of resource.

    Never blocks on a long-running operation: every method makes the few calls it needs, each with
    a deadline, and answers with what is known then. All are safe to repeat.

    Each returns an ``Observation``: the state as of now, with ``operation`` set while the cloud is
    at work. Failures are raised as ``CloudFault``, whose fate the caller can rely on.
    Nothing without our labels for this very person is ever changed or deleted: it is answered as
    ``State.FOREIGN``.
    """

    kind: Kind

    def observe(self, resource: Resource, key: str, email: str) -> Observation:
        """Look at ``resource.operation``, if there is one, and at the thing itself.

        NotFound is ``State.ABSENT``. An operation that ended in an error is the observation's
        ``problem``; one still running is its ``operation``.
        """

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Make it. If something is there already, it is a success only if it is this person's."""

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Bring what can be changed in place to ``want``."""

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start what is stopped; the caller has just observed that it is ours."""

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop what runs; the caller has just observed that it is ours."""

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it; the caller has just observed that it is ours. NotFound is ABSENT."""


class Publisher(Protocol):
    """Sends messages to the project's own topics."""

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Hand all of them to Pub/Sub and return when it has taken them; raises if it hasn't."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""


Tokens = Callable[[], str]
"""Makes a fresh, unguessable token at each call; injected so that tests can repeat themselves."""


class ProfileSource(Protocol):
    """Where the profiles come from."""

    def current(self) -> ProfileSet:
        """The profiles in force, from a short-lived cache.

        A new set that is not valid is logged and the last good one stays in force; when there has
        never been a good one, raises ``ProfilesInvalid`` with every located message.
        """
