"""What the services need of the world, each with its contract.

Adapters implement these; the services and their tests know nothing else of the outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry
from shared.domain.resources.kinds import Kind
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation, Orphan
from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase

if TYPE_CHECKING:
    from shared.domain.profiles import ProfileSet

T = TypeVar("T")

MOST_FOUND = 50  # records that ``find`` returns; a person has one, or a few that are to be merged


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


class Crowd(msgspec.Struct, frozen=True):
    """How many notebooks are being made at once, and how many wait to be."""

    creating: int
    waiting: int


class Claimed(msgspec.Struct, frozen=True):
    """What came of saving a claim.

    ``version``: as ``save`` returns it. ``creating``: how many records had a notebook being made
    after this commit, its own included; None if that wasn't counted. ``waited_at``: when somebody
    was last seen waiting for their turn (the time of the save, if somebody is); None if that is
    not known. ``counter``: which state of the count this was, for ``recount``.
    """

    version: str
    creating: int | None = None
    waited_at: datetime | None = None
    counter: str = ""


class EnvironmentStore(Protocol):
    """The records, their histories, the parked events, and what zones lacked lately.

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

    def find(self, emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        """The records that have, had or are to have one of these addresses, or this person id.

        In the order of their keys, each once; at most ``MOST_FOUND``. ``emails`` may be empty if
        there is a ``person_id``.
        Fails like ``load`` if one of them can't be read: without it, a second record might be
        made for the same person.
        """

    def save_merged(
        self, record: Stored, duplicate: Stored, entries: tuple[Sequence[Entry], Sequence[Entry]]
    ) -> str:
        """Write two records and their new history entries in one atomic commit.

        Each only if it still is the one loaded or saved under its version. Returns the new version
        of ``record``. Raises ``Conflict`` (and writes nothing at all) when somebody else was first.
        """

    def claim(
        self, environment: Environment, version: str | None, entries: Sequence[Entry]
    ) -> Claimed:
        """Save a record as ``save`` does, and count in the same commit who is being made.

        The count may be wrong where records were changed by other means than this port.
        """

    def recount(self, claimed: Claimed, creating: int) -> None:
        """Correct what ``claim`` answers: by then ``creating`` records had a notebook being made.

        Does nothing if the count has changed since ``claimed``, or can't be wrong.
        """

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        """Add history entries without touching the record (it needn't exist)."""

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        """Records with ``due_at`` at or before ``now``, the longest waiting first."""

    def page(
        self,
        limit: int,
        after: str = "",
        phase: Phase | None = None,
        health: Health | None = None,
    ) -> Page[Environment]:
        """Records in the order of their keys: all, or those of one phase, one health or both.

        ``after`` is the ``next`` of an earlier page, here as in the other listings; anything else
        raises ``BadCursor``.
        """

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        """The newest ``limit`` entries of ``key``, newest first; none for an unknown key."""

    def creating(self) -> Crowd:
        """How many records have a notebook being made, and how many wait for their turn."""

    def shortages(self, now: datetime) -> frozenset[str]:
        """What zones lack, as ``zone/machine-type``, as reported and not yet forgotten."""

    def report_shortage(self, what: str, until: datetime) -> None:
        """Remember for everybody, until then, that a zone lacks a machine type (``zone/type``)."""

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
    Nothing but what is this very person's is ever changed or deleted: what lacks our labels for
    them is answered as ``State.FOREIGN``. A notebook of our name that belongs to them alone is
    theirs even without labels (``labelled`` is False then), unless its labels name somebody else.
    A step that a kind has no use for only answers what is there.
    """

    kind: Kind

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Look at ``resource.operation``, if there is one, and at the thing itself.

        NotFound is ``State.ABSENT``. A notebook that runs is READY; its ``link`` may be there only
        some time later. An operation that ended in an error is the observation's
        ``problem``; one still running is its ``operation``; one that ended well is ``finished``.
        With ``want``, what is there is compared with it (``drift``), unless the cloud is at work
        on it.
        A step whose answer was lost (``unconfirmed``, or under way without an operation) is looked
        for among the operations: a change that goes on can't be seen in the thing itself.
        A restore whose answer was lost is found even if it has ended: it is never repeated
        as long as it may have been carried out.
        """

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Make it. If something is there already, it is a success only if it is this person's."""

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Bring what can be changed in the state it is in to ``want``."""

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start what is stopped; the caller has just observed that it is ours."""

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop what runs; the caller has just observed that it is ours."""

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Put the data of snapshot ``resource.data.restore_from`` into it; it was just observed."""

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Let nobody delete it (``on``), or let them again; it was just observed."""

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Put our labels for this person on what lost them (``labelled``); others' labels stay."""

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it; the caller has just observed that it is ours. NotFound is ABSENT."""

    def consented(self, resource: Resource) -> bool | None:
        """Whether its owner has opened it and consented to the use of their credentials.

        None where this kind, or this very thing, knows no consent. Raises ``CloudFault`` when the
        question got no answer; its code ``NOT_FOUND`` says that the thing is gone: look at it.
        """


class Search(Protocol):
    """Looks everywhere for what carries a person's labels, whatever the record says."""

    def everything_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """All that is there of the person: notebooks of every kind and zone, templates, snapshots,
        running sessions and clusters, and disks that outlived their notebook. Notebooks are also
        found by our name for the person's, or by the person as their owner; disks also by name.
        One listing (its pages) a kind, two for disks. Raises ``CloudFault``."""

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """The notebooks of the two older kinds that carry the person's labels, as resources to
        stop and remove; none unless the deployment has those kinds switched on."""


class Census(Protocol):
    """All notebooks at once, for when looking at each would be too many calls."""

    def moving(self) -> frozenset[str]:
        """The full names of the notebooks that the cloud is at work on, from listing pages."""


class NotPublished(Exception):
    """Pub/Sub has not taken a message, or we don't know; publish it again."""


class Publisher(Protocol):
    """Sends messages to the project's own topics."""

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Hand all of them to Pub/Sub and return when it has taken them.

        Raises ``NotPublished`` if one of them wasn't taken, or may not have been.
        """


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
