"""The form of an event in which the domain uses it. Must not know how messages are written."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.domain.people.person import Person


class Verb(StrEnum):
    """What happens to the person."""

    JOIN = "join"
    LEAVE = "leave"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An event after it was read and checked: what is wanted, for whom, and when it happened.

    ``profile``, ``grace_seconds`` and ``keep_seconds`` (how long the snapshot taken before removal
    is kept; 0: none is taken) are from the profiles at the time when the join was accepted. They
    are empty in a leave: those of the join apply.
    ``previous_email``: in a join, the person's former address; '' if it names none.
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
        """The addresses in the event: one or two."""
        return tuple(filter(None, (self.person.email, self.previous_email)))

    @property
    def precedence(self) -> tuple[datetime, bool, str, str]:
        """The total order of intents: the newest wins; at the same time a leave wins; then id and
        source decide, so that the order of arrival doesn't matter.
        """
        return (self.occurred_at, self.verb is Verb.LEAVE, self.event_id, self.source)

    @property
    def idempotency_key(self) -> str:
        """Identifies repeats. Ids are unique within a source only, and a join and a leave may
        share one. None of the three parts can contain a space.
        """
        return f"{self.verb} {self.source} {self.event_id}"
