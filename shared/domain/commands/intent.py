"""An event, read and checked: what it wants for whom, and when it happened."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.domain.people.person import Person


class Verb(StrEnum):
    """What an event says of a person."""

    JOIN = "join"
    LEAVE = "leave"


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
