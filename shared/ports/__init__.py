"""The Protocols that adapters implement for the services; each docstring is the contract.

Must not know adapters or Google's clients: services and their tests use only what is defined here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from shared.domain.commands.intent import Verb
from shared.domain.contracts.parked import Parked
from shared.domain.environment import Environment
from shared.domain.projections.entry import Entry, Unchanged
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
    """Another worker changed the record first; load it again and repeat the decision."""


class BadCursor(ValueError):
    """The given cursor is not one that this listing returned."""


class Stored(msgspec.Struct, frozen=True):
    """A record, with the version that must still be stored when it is saved."""

    environment: Environment
    version: str


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records a listing has: those that match every field that is not None.

    ``problem``: one of ``status.problem_codes``. ``running``: ``Environment.is_running``.
    ``merged``: it was merged into another record. ``leaves_before``: a scheduled leave takes effect
    before that time (``leaves_at``). ``removal_before``: the grace period of a leaver is over
    before it, and not everything is removed yet (``removal_due_at``).
    """

    phase: Phase | None = None
    health: Health | None = None
    profile: str | None = None
    team: str | None = None
    cost_center: str | None = None
    held: bool | None = None
    running: bool | None = None
    merged: bool | None = None
    problem: str | None = None
    leaves_before: datetime | None = None
    removal_before: datetime | None = None


ALL = Filter()


class Facet(StrEnum):
    """What ``next_value`` goes through."""

    PROFILE = "profile"
    PROBLEM = "problem"


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some items, and the cursor for the next page ('' if there is none)."""

    items: tuple[T, ...]
    next: str = ""


class Crowd(msgspec.Struct, frozen=True):
    """How many records have a notebook being created, and how many wait for their turn."""

    creating: int
    waiting: int


class Claimed(msgspec.Struct, frozen=True):
    """The result of saving a claim.

    ``version``: as ``save`` returns it. ``creating``: how many records had a notebook being created
    after this commit, including its own; None if that wasn't counted. ``waited_at``: when somebody
    was last known to wait for their turn (the time of the save, if somebody waits); None if not
    known. ``counter``: identifies the state of the count, for ``recount``.
    """

    version: str
    creating: int | None = None
    waited_at: datetime | None = None
    counter: str = ""


class EnvironmentStore(Protocol):
    """The records, their histories, the parked events, and the shortages of zones.

    Records change by compare-and-swap only. Every method is one remote call with a deadline; the
    methods that return a ``Page`` make one call for each page. Errors other than those named here
    propagate unchanged, so that an entry point fails and its message is delivered again.
    """

    def load(self, key: str) -> Stored | None:
        """The record of ``key``, or None if there never was one."""

    def save(self, environment: Environment, version: str | None, entries: Sequence[Entry]) -> str:
        """Write the record and its new history entries in one atomic commit.

        With ``version`` None: only if there is no record of the key yet; otherwise only if that
        version is still stored. Returns the new version.
        Raises ``Conflict``, and writes nothing, if another worker was first.
        """

    def find(self, emails: Sequence[str], person_id: str | None = None) -> tuple[Stored, ...]:
        """The records that have, had or will have one of these addresses, or have this person id.

        In the order of their keys, each once; at most ``MOST_FOUND``. ``emails`` may be empty if
        there is a ``person_id``.
        Fails like ``load`` if one of them can't be read: if it were left out, a second record could
        be created for the same person.
        """

    def save_merged(
        self, record: Stored, duplicate: Stored, entries: tuple[Sequence[Entry], Sequence[Entry]]
    ) -> str:
        """Write two records and their new history entries in one atomic commit.

        Only if the versions of both are still stored. Returns the new version of ``record``.
        Raises ``Conflict``, and writes nothing, if another worker was first.
        """

    def claim(
        self, environment: Environment, version: str | None, entries: Sequence[Entry]
    ) -> Claimed:
        """Save like ``save``, and count in the same commit how many records are creating.

        The count may be wrong if records were changed by other means than this port.
        """

    def recount(self, claimed: Claimed, creating: int) -> None:
        """Correct the count that ``claim`` returns: set it to ``creating``.

        Does nothing if the count has changed since ``claimed``, or if this store can't be wrong.
        """

    def append(self, key: str, entries: Sequence[Entry]) -> None:
        """Add history entries; does not change the record, which needn't exist."""

    def due(self, now: datetime, limit: int, after: str = "") -> Page[Environment]:
        """Records with ``due_at`` at or before ``now``, in the order of ``due_at``."""

    def page(self, limit: int, after: str = "", only: Filter = ALL) -> Page[Environment]:
        """The records that match ``only``.

        In the order of their keys; with ``leaves_before`` or else ``removal_before``, in the order
        of that time. Then, if ``only`` has other fields, too, a page may be shorter than ``limit``,
        even empty, before the last one. ``after``: the ``next`` of the page before, in all
        listings; another text raises ``BadCursor``.
        """

    def count(self, only: Filter) -> int:
        """How many records match ``only``, from an index.

        With a time and another field, a store may read those that match the time one by one.
        """

    def next_value(self, facet: Facet, after: str = "") -> str:
        """The next profile, or problem code, that a record has, in alphabetical order; '': no more.

        A problem code that is never the first one of a record may be left out.
        """

    def history(self, key: str, limit: int) -> tuple[Entry, ...]:
        """The newest ``limit`` entries of ``key``, newest first; none for an unknown key."""

    def creating(self) -> Crowd:
        """How many records have a notebook being created, and how many wait for their turn."""

    def shortages(self, now: datetime) -> frozenset[str]:
        """The reported shortages that have not ended, as ``zone/machine-type``."""

    def report_shortage(self, what: str, until: datetime) -> None:
        """Note until ``until`` that a zone has none of a machine type (``zone/machine-type``)."""

    def park(self, parked: Parked) -> bool:
        """Keep a rejected event; True if it is new, False if one with its id is kept already."""

    def parked(self, limit: int, after: str = "") -> Page[Parked]:
        """The parked events, newest first."""

    def unchanged(self, limit: int, after: str = "", verb: Verb | None = None) -> Page[Unchanged]:
        """The events that changed nothing (``Entry.changed_nothing``), newest first.

        All of them, or only the joins or leaves. Each is saved in the commit of its history entry.
        """


class Driver(Protocol):
    """Observes and changes the resources of one kind.

    Never waits for a long-running operation: every method makes the few calls that it needs, each
    with a deadline, and returns what is known then. All methods are safe to repeat.

    Each returns an ``Observation``: the current state, with ``operation`` set as long as an
    operation runs. Errors are raised as ``CloudFault``, with their disposition.
    Only resources of this person are changed or deleted: one without our labels for them is
    returned as ``State.FOREIGN``. A notebook with our name whose only owner is this person is
    theirs whatever its labels say (``labelled`` is False if they aren't ours for them), so that it
    does not run on when they leave. A disk with its name is, unless its labels name somebody else.
    A step that has no meaning for the kind changes nothing and returns an observation.
    """

    kind: Kind

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Observe ``resource.operation``, if there is one, and the resource itself.

        NotFound is ``State.ABSENT``. A running notebook is READY; its ``link`` may follow later.
        An operation that ended in an error is in ``problem``, one that still runs in
        ``operation``, one that succeeded in ``finished``. With ``manifest``, the resource is
        compared with it (``drift``), unless an operation runs.
        A step whose answer was lost (``unconfirmed``, or in flight without an operation) is
        searched for among the operations, because a running change does not show in the resource.
        A lost restore is found even if it has ended: it must not be repeated as long as it may
        have been carried out.
        """

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Create it. AlreadyExists is a success only if the existing resource is this person's."""

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Apply the differences from ``manifest`` that can be changed in the current state."""

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it; the caller has just observed that it is ours."""

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it; the caller has just observed that it is ours."""

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Restore the snapshot ``resource.data.restore_from`` into it.

        The caller has just observed that it is ours.
        """

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Protect it from deletion by anybody (``on``), or end that protection.

        The caller has just observed that it is ours.
        """

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Add our labels for this person, which it lost (``labelled``); other labels stay."""

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it; the caller has just observed that it is ours. NotFound is ABSENT."""

    def consented(self, resource: Resource) -> bool | None:
        """Whether the owner has opened it and consented to the use of their credentials.

        None if the kind, or this resource, has no consent. Raises ``CloudFault`` if it can't be
        found out; with the code ``NOT_FOUND`` the resource is gone and should be observed.
        """


class Search(Protocol):
    """Searches for all resources of a person, whatever the record says."""

    def everything_of(self, key: str, email: str) -> tuple[Orphan, ...]:
        """All resources with the person's labels: notebooks of every kind in every zone, templates,
        snapshots, running sessions and clusters, and disks whose notebook is gone. Notebooks are
        also found by the name that we give them, or by their owner; disks also by name.
        One listing (with its pages) for each kind, two for disks. Raises ``CloudFault``."""

    def older_notebooks_of(self, key: str, email: str) -> tuple[Resource, ...]:
        """The notebooks of the two older kinds that have the person's labels, as resources to
        stop and remove; none unless ``OLDER_KINDS`` is on. Raises ``CloudFault``."""


class Census(Protocol):
    """Lists all notebooks, for use when an observation of each would be too many calls."""

    def moving(self) -> frozenset[str]:
        """The full names of the notebooks that are being created, started or stopped.

        Raises ``CloudFault``.
        """


class NotPublished(Exception):
    """Pub/Sub did not accept a message, or may not have; publish it again."""


class Publisher(Protocol):
    """Publishes messages to the project's own topics."""

    def publish(self, topic: str, messages: Sequence[bytes]) -> None:
        """Publish all messages, and return when Pub/Sub has accepted them.

        Raises ``NotPublished`` if one of them was not accepted, or may not have been.
        """


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The current time in UTC, with its time zone."""


Tokens = Callable[[], str]
"""Returns a new, unguessable token at each call; tests replace it by a predictable one."""


class ProfileSource(Protocol):
    """The profiles of the deployment."""

    def current(self) -> ProfileSet:
        """The valid profiles, from a short-lived cache.

        A new set that is not valid is logged, and the last valid one is used. If there never was a
        valid one, raises ``ProfilesInvalid`` with every error and its place.
        """
