"""The record of one person: the desired state, the observed state, what is in progress.

This is the runtime record, immutable. ``adapters/state/documents.py`` encodes it as the stored
document, which has a schema number, so that the two can change independently.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.domain.commands.holds import Hold, Release
from shared.domain.commands.intent import Intent, Verb
from shared.domain.contracts.announcements import Announcement, News
from shared.domain.names import FOUND
from shared.domain.people.addresses import Address
from shared.domain.people.person import Person
from shared.domain.projections.offboarding_record import OffboardingRecord
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Phase, Status


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one worker to act on the record, until ``until``."""

    token: str
    until: datetime


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What the events about a person say.

    ``in_force``: the newest event in force. ``pending``: scheduled events, newer than ``joined``,
    whose time has not come: at most one join, and one leave for each address, the soonest first.
    ``joined``: the newest join that ever took effect, even if a leave is in force now;
    ``also_joined``: others of the same moment, one of which may turn out to be newer. ``leaves``:
    the last leaves that are newer than ``joined``; which of them are in force depends on the
    person's current address (``commands.facts``).
    ``recent``: the keys of the last events and commands seen (``Intent.idempotency_key``). By them
    a repeated event is recognised, even if its time was taken from the second publication.
    """

    in_force: Intent | None = None
    pending: tuple[Intent, ...] = ()
    joined: Intent | None = None
    also_joined: tuple[Intent, ...] = ()
    leaves: tuple[Intent, ...] = ()
    recent: tuple[str, ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the profile said at the newest join; later changes of the profile don't change it.

    ``profile``: its name. ``grace_seconds``: from the leave to the removal. ``keep_seconds``: how
    long the snapshot taken before the removal is kept; 0: none is taken.
    """

    profile: str = ""
    grace_seconds: int = 0
    keep_seconds: int = 0


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """When a person left, and what was done then.

    ``left_at``: when the leave took effect here; the grace period starts then. ``sought_at``: when
    a leaver's notebooks of the older kinds were last searched for. ``records``: the leaving record
    of each departure, the newest last.
    """

    left_at: datetime | None = None
    sought_at: datetime | None = None
    records: tuple[OffboardingRecord, ...] = ()


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """Legal holds.

    ``in_force``: the oldest first. ``releases``: the last ones that were carried out.
    """

    in_force: tuple[Hold, ...] = ()
    releases: tuple[Release, ...] = ()


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """The announcements of a record.

    ``waiting``: those not published yet. ``count``: how many there ever were. ``last``: the last
    announced phase or health.
    """

    waiting: tuple[Announcement, ...] = ()
    count: int = 0
    last: News | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """All we know about one person's environment.

    ``key`` never changes. ``addresses``: the periods in which the person had each address, that of
    the current one (``person.email``) last.
    ``merged``: the keys of other records of the same person that were merged into this one;
    ``merged_into``: in such a record, the key of the one it was merged into (``people.merging``).
    ``person`` and ``terms`` come from the newest join (``events.joined``), even if that join
    arrived after a newer leave.
    """

    key: str
    person: Person
    created_at: datetime
    updated_at: datetime
    status: Status
    addresses: tuple[Address, ...] = ()
    merged: tuple[str, ...] = ()
    merged_into: str = ""
    events: Events = Events()
    terms: Terms = Terms()
    departure: Departure = Departure()
    holds: Holds = Holds()
    resources: tuple[Resource, ...] = ()
    lease: Lease | None = None
    outbox: Outbox = Outbox()

    @property
    def known_addresses(self) -> tuple[str, ...]:
        """All addresses by which the record is found: current, former, and of scheduled events."""
        announced = (email for intent in self.events.pending for email in intent.addresses)
        return tuple(dict.fromkeys((*(a.email for a in self.addresses), *announced)))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the person's resources may carry in their labels."""
        return (self.key, *self.merged)

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """Each pair of key and address that the person's resources may carry, the current first."""
        emails = dict.fromkeys((self.person.email, *(a.email for a in self.addresses)))
        return tuple((key, email) for key in self.keys for email in emails)

    def had_until(self, email: str) -> datetime | None:
        """Until when ``email`` was last the person's: until another address took its place, or else
        until they left; None as long as it is theirs."""
        last = next((a for a in reversed(self.addresses) if a.email == email), None)
        if last is not None and last.until is not None:
            return last.until
        return self.departure.left_at if self.leaving else None

    def owner_of(self, resource: Resource) -> tuple[str, str]:
        """The key and the address in the labels of ``resource``, or to be put there."""
        return resource.key or self.key, resource.owner or self.person.email

    @property
    def scheduled(self) -> tuple[Intent, ...]:
        """The scheduled events that will take effect, the soonest first."""
        newest = self.events.in_force
        return tuple(
            i for i in self.events.pending if newest is None or i.precedence > newest.precedence
        )

    def next_due(self, now: datetime) -> Intent | None:
        """The first of the scheduled events that take effect by ``now``."""
        due = (i for i in self.scheduled if i.effective_at is None or i.effective_at <= now)
        return next(due, None)

    @property
    def leaving(self) -> bool:
        """Whether a leave is in force."""
        return self.events.in_force is not None and self.events.in_force.verb is Verb.LEAVE

    @property
    def held(self) -> Hold | None:
        """The first hold in force, if there is any; while there is one, nothing is deleted."""
        return self.holds.in_force[0] if self.holds.in_force else None

    @property
    def removal_at(self) -> datetime:
        """When the grace period of a leaver is over."""
        assert self.departure.left_at is not None, "only leavers are removed"
        assert self.events.in_force is not None
        if self.events.in_force.immediate:
            return self.departure.left_at
        return self.departure.left_at + timedelta(seconds=self.terms.grace_seconds)

    @property
    def leaves_at(self) -> datetime | None:
        """When the next scheduled leave takes effect; None if none is scheduled."""
        leaves = (i.effective_at for i in self.scheduled if i.verb is Verb.LEAVE)
        return next(leaves, None)

    @property
    def removal_due_at(self) -> datetime | None:
        """When the grace period of a leaver is over; None once everything is removed."""
        if not self.leaving or self.departure.left_at is None:
            return None
        return self.removal_at if self.status.phase is not Phase.REMOVED else None

    @property
    def is_running(self) -> bool:
        """Whether the person's notebook was running when it was last observed."""
        return self.notebook is not None and self.notebook.state is State.READY

    @property
    def notebook(self) -> Resource | None:
        """The person's notebook, if the record has one; never a superseded one.

        A notebook that a search found when they left counts only if there is no other.
        """
        current = [r for r in self.resources if r.kind is Kind.WORKBENCH and not r.superseded]
        return min(current, key=lambda r: r.slot.startswith(FOUND), default=None)

    def resource(self, id: str) -> Resource | None:
        """The resource of that ``id``, if the record has one."""
        for resource in self.resources:
            if resource.id == id:
                return resource
        return None

    def with_resource(self, resource: Resource) -> Environment:
        """The record with ``resource`` instead of the one with the same id, or added at the end."""
        id, resources = resource.id, list(self.resources)
        for index, known in enumerate(resources):
            if known.slot == resource.slot and known.id == id:
                resources[index] = resource
                break
        else:
            resources.append(resource)
        return msgspec.structs.replace(self, resources=tuple(resources))

    def without(self, id: str) -> Environment:
        """The record without the resource of that ``id``."""
        kept = tuple(r for r in self.resources if r.id != id)
        return msgspec.structs.replace(self, resources=kept)
