"""The record of one person: the desired state, the observed state, what is under way.

This is the runtime record, immutable; the stored document is its encoding
(``adapters/state/documents.py``) and carries a schema number, so that the two can change apart.
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
from shared.domain.resources.kinds import Kind
from shared.domain.resources.resource import Resource
from shared.domain.status import Status


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one worker to act on the record, until ``until``."""

    token: str
    until: datetime


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What the events about a person say.

    ``in_force``: the newest event in force. ``pending``: announced ones, newer than ``joined``,
    whose time has not come: at most one join, and one leave of each address, the soonest first.
    ``joined``: the newest join that ever took effect, in force or overtaken. ``leaves``: the last
    ones, where newer than ``joined``; which of them are in force depends on what address the person
    has (``commands.facts``).
    ``recent``: the keys of the last events and commands seen (``Intent.idempotency_key``), so that
    one sent again is known even when its time was taken from the second publication.
    """

    in_force: Intent | None = None
    pending: tuple[Intent, ...] = ()
    joined: Intent | None = None
    leaves: tuple[Intent, ...] = ()
    recent: tuple[str, ...] = ()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest join says of the environment, as the profile was then.

    ``profile``: its name. ``grace_seconds``: from leaving to removal. ``keep_seconds``: for which
    the snapshot taken before removal is kept; 0: none is taken.
    """

    profile: str = ""
    grace_seconds: int = 0
    keep_seconds: int = 0


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """When a person leaves, and what is done then.

    ``left_at``: when leaving took effect here; the grace period counts from it. ``sought_at``: when
    a leaver's notebooks of the older kinds were last looked for. ``records``: what was done each
    time they left, the newest last.
    """

    left_at: datetime | None = None
    sought_at: datetime | None = None
    records: tuple[OffboardingRecord, ...] = ()


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """Legal holds.

    ``in_force``: the first one first. ``releases``: those carried out, the last ones.
    """

    in_force: tuple[Hold, ...] = ()
    releases: tuple[Release, ...] = ()


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """What others are told.

    ``waiting``: announcements not yet handed on. ``count``: of all there ever were. ``last``: the
    last of them that told of a phase.
    """

    waiting: tuple[Announcement, ...] = ()
    count: int = 0
    last: News | None = None


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """All we know of one person's environment.

    ``key`` never changes; ``addresses`` are the person's, the current one (``person.email``) last.
    ``merged``: the keys of further records that turned out to be of the same person, and
    ``merged_into``, in such a record, the key of the one that took it over (``people.merging``).
    ``person`` and ``terms`` are what the newest join said (``events.joined``), so that a join that
    arrives after the leave it preceded still counts for those.
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
        """All addresses by which the record is found: present, former, and announced ones."""
        announced = (email for intent in self.events.pending for email in intent.addresses)
        return tuple(dict.fromkeys((*(a.email for a in self.addresses), *announced)))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that the person's resources may carry in their labels."""
        return (self.key, *self.merged)

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """Each pair of key and address that the person's resources may carry, the present first."""
        emails = dict.fromkeys((self.person.email, *(a.email for a in self.addresses)))
        return tuple((key, email) for key in self.keys for email in emails)

    def had_until(self, email: str) -> datetime | None:
        """Until when ``email`` was the person's: until another address took its place, or else
        until the leave in force; None as long as it is theirs."""
        address = next((a for a in self.addresses if a.email == email), None)
        if address is not None and address.until is not None:
            return address.until
        if not self.leaving or self.events.in_force is None or self.departure.left_at is None:
            return None
        # Sent once more, a leave doesn't start the grace period again (``departure.left_at``).
        return max(self.departure.left_at, self.events.in_force.occurred_at)

    def owner_of(self, resource: Resource) -> tuple[str, str]:
        """The key and the address that ``resource`` carries, or is to carry."""
        return resource.key or self.key, resource.owner or self.person.email

    @property
    def scheduled(self) -> tuple[Intent, ...]:
        """The announced events that are to take effect, the soonest first."""
        newest = self.events.in_force
        return tuple(
            i for i in self.events.pending if newest is None or i.precedence > newest.precedence
        )

    def next_due(self, now: datetime) -> Intent | None:
        """The first of the announced events that are to take effect by ``now``."""
        due = (i for i in self.scheduled if i.effective_at is None or i.effective_at <= now)
        return next(due, None)

    @property
    def leaving(self) -> bool:
        """Whether a leave is in force."""
        return self.events.in_force is not None and self.events.in_force.verb is Verb.LEAVE

    @property
    def held(self) -> Hold | None:
        """The first hold in force, if there is any: then nothing is deleted."""
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
    def notebook(self) -> Resource | None:
        """The person's notebook, if the record has one; not one that it is to replace.

        One that only a search found, when they left, is theirs if there is no other.
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
        """The same record with ``resource`` in its place (or added at the end)."""
        id, resources = resource.id, list(self.resources)
        for index, known in enumerate(resources):
            if known.id == id:
                resources[index] = resource
                break
        else:
            resources.append(resource)
        return msgspec.structs.replace(self, resources=tuple(resources))

    def without(self, id: str) -> Environment:
        """The same record without the resource of that ``id``."""
        kept = tuple(r for r in self.resources if r.id != id)
        return msgspec.structs.replace(self, resources=kept)
