"""The record of one person: the desired state, the observed state, what is under way.

This is the runtime record, immutable; the stored document is its encoding
(``adapters/state/documents.py``) and carries a schema number, so that the two can change apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from shared.domain.commands.holds import Hold, Release
from shared.domain.contracts.announcements import Announcement, News
from shared.domain.names import FOUND
from shared.domain.people.addresses import Address
from shared.domain.people.person import Person
from shared.domain.projections.offboarding_record import OffboardingRecord
from shared.domain.resources.kinds import Kind
from shared.domain.resources.resource import Resource


class Verb(StrEnum):
    """What an event says of a person."""

    JOIN = "join"
    LEAVE = "leave"


class AdminAction(StrEnum):
    """What an admin can have done."""

    HOLD = "hold"  # nothing of this person's is deleted until released
    RELEASE = "release"  # from a hold, and from quarantine
    RETRY = "retry"  # what failed, now, without waiting any longer
    RECREATE = "recreate"  # the notebook, from the profile, with its data


class Phase(StrEnum):
    """Where an environment is in its life, as people see it."""

    SCHEDULED = "scheduled"
    PROVISIONING = "provisioning"
    READY = "ready"
    SUSPENDING = "suspending"
    SUSPENDED = "suspended"
    REMOVING = "removing"
    REMOVED = "removed"


class Health(StrEnum):
    """Whether an environment goes on in its phase, as people see it."""

    OK = "ok"
    WAITING = "waiting"  # for capacity in a zone, or for its turn to have a notebook created
    RETRYING = "retrying"  # something failed and is tried again
    QUARANTINED = "quarantined"  # attempts are used up; tried again rarely, an admin is needed


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An event, normalised: what it wants for whom, and when it happened.

    ``profile``, ``grace_seconds`` and ``keep_seconds`` (of the snapshot taken before removal; 0:
    none is taken) are what the profiles said when the event was accepted; a leave has none of its
    own: the person keeps those they joined with.
    ``previous_email``: of a join, the address that the person had before; '' if it names none.
    """

    verb: Verb
    event_id: str
    source: str
    occurred_at: datetime
    person: Person
    profile: str = ""
    grace_seconds: int = 0
    keep_seconds: int = 0
    effective_at: datetime | None = None
    immediate: bool = False
    reason: str = ""
    previous_email: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it names."""
        return tuple(filter(None, (self.person.email, self.previous_email)))

    @property
    def precedence(self) -> tuple[datetime, bool, str, str]:
        """Newest wins; on a tie leave wins; id and source make the order total, whatever arrives
        when.
        """
        return (self.occurred_at, self.verb is Verb.LEAVE, self.event_id, self.source)

    @property
    def idempotency_key(self) -> str:
        """Identifies repeats. Ids are unique within a source, and join and leave may share
        one; none of the three has a space in it.
        """
        return f"{self.verb} {self.source} {self.event_id}"


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one worker to act on the record, until ``until``."""

    token: str
    until: datetime


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """All we know of one person's environment.

    ``key`` never changes; ``addresses`` are the person's, the current one (``person.email``) last.
    ``merged``: the keys of further records that turned out to be of the same person, and
    ``merged_into``, in such a record, the key of the one that took it over (``people.merging``).
    ``intent`` is the newest event in force; ``pending`` are announced ones, newer than ``joined``,
    whose time has not come: at most one join, and one leave of each address, the soonest first.
    ``joined`` is the newest join that ever took effect, in force or overtaken: ``person``,
    ``profile``, ``grace_seconds`` and ``keep_seconds`` are what it said, so that a join that
    arrives after the leave it preceded still counts for those. ``leaves``: the last ones, where
    newer than ``joined``; which of them are in force depends on what address the person has
    (``commands.facts``).
    ``left_at``: when leaving took effect here; the grace period counts from it.
    ``unmet_since``: since when the event in force has waited to be carried out: a join until all is
    ready, a leave until access has ended; None once it was (``durations``).
    ``recent``: the keys of the last events and commands seen (``Intent.idempotency_key``), so that
    one sent again is known even when its time was taken from the second publication. ``due_at``:
    when the tick should look again; None when there is nothing to wait for.
    ``holds``: those in force, the first one first; ``releases``: those carried out, the last ones.
    ``sought_at``: when a leaver's notebooks of the older kinds were last looked for.
    ``leavings``: what was done each time they left, the newest last.
    ``losses``: what somebody else deleted that can't be had again, in words; people see it with the
    problems, also after a return, until the event that follows.
    ``outbox``: announcements not yet handed on; ``announced`` counts all there ever were;
    ``news``: the last of them that told of a phase.
    """

    key: str
    person: Person
    phase: Phase
    health: Health = Health.OK
    created_at: datetime
    updated_at: datetime
    addresses: tuple[Address, ...] = ()
    merged: tuple[str, ...] = ()
    merged_into: str = ""
    intent: Intent | None = None
    pending: tuple[Intent, ...] = ()
    joined: Intent | None = None
    leaves: tuple[Intent, ...] = ()
    profile: str = ""
    grace_seconds: int = 0
    keep_seconds: int = 0
    left_at: datetime | None = None
    unmet_since: datetime | None = None
    holds: tuple[Hold, ...] = ()
    releases: tuple[Release, ...] = ()
    sought_at: datetime | None = None
    resources: tuple[Resource, ...] = ()
    problem: str = ""
    losses: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    lease: Lease | None = None
    due_at: datetime | None = None
    leavings: tuple[OffboardingRecord, ...] = ()
    outbox: tuple[Announcement, ...] = ()
    announced: int = 0
    news: News | None = None

    @property
    def known_addresses(self) -> tuple[str, ...]:
        """All addresses by which the record is found: present, former, and announced ones."""
        announced = (email for intent in self.pending for email in intent.addresses)
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

    def owner_of(self, resource: Resource) -> tuple[str, str]:
        """The key and the address that ``resource`` carries, or is to carry."""
        return resource.key or self.key, resource.owner or self.person.email

    @property
    def scheduled(self) -> tuple[Intent, ...]:
        """The announced events that are to take effect, the soonest first."""
        newest = self.intent
        return tuple(i for i in self.pending if newest is None or i.precedence > newest.precedence)

    def has_due_events(self, now: datetime) -> bool:
        """Whether an announced event is to take effect by ``now``."""
        return any(i.effective_at is None or i.effective_at <= now for i in self.scheduled)

    @property
    def leaving(self) -> bool:
        """Whether a leave is in force."""
        return self.intent is not None and self.intent.verb is Verb.LEAVE

    @property
    def held(self) -> Hold | None:
        """The first hold in force, if there is any: then nothing is deleted."""
        return self.holds[0] if self.holds else None

    @property
    def removal_at(self) -> datetime:
        """When the grace period of a leaver is over."""
        assert self.left_at is not None, "only leavers are removed"
        assert self.intent is not None
        if self.intent.immediate:
            return self.left_at
        return self.left_at + timedelta(seconds=self.grace_seconds)

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


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a person's history.

    ``action`` is a stable name (``intent.applied``, ``step.started``, ``phase.changed`` …),
    ``text`` the sentence for people. ``about`` is the resource (``kind/slot``) or ''.
    ``seconds``: how long it took to get there, where that is measured (``durations``).
    """

    at: datetime
    action: str
    text: str
    event_id: str = ""
    about: str = ""
    seconds: float | None = None


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event we could not act on, with its reason.

    ``id`` is the message's, so that a redelivery parks it once. ``sample`` is the beginning of the
    payload as printable text, ``size`` its whole length in bytes. ``email`` is whom it claims to be
    about, unchecked, or ''.
    """

    id: str
    at: datetime
    topic: str
    code: str
    reason: str
    sample: str
    size: int
    email: str = ""
