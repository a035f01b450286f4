"""The announcements of an environment: one for each change that others act on.

An announcement is saved in the record in the same write as the change, and stays in the outbox
until Pub/Sub has accepted it: it is published at least once, always with the same id. Must not
know topics, nor the published form of an announcement (``services/announce.py``).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.domain.commands.holds import Hold


class News(StrEnum):
    """What happened."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"  # a scheduled event will not take effect
    READY = "ready"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    HELD = "held"
    RELEASED = "released"
    RESTORED = "restored"
    LOST = "lost"  # a resource of the person was deleted by somebody else
    ACCESS_INCIDENT = "access-incident"  # something of a leaver runs again


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One announcement, with the values at the time of the change.

    ``number`` counts within the person's record; the record's key and it make the id.
    ``at``: when it happened. ``effective_at``: when the scheduled event takes effect (or would
    have, if cancelled); for a suspension, when the removal is due. ``event_id``: the event that is
    scheduled or cancelled. ``reason``: a text from the event or from Google. ``hold``: the id of
    the hold given or lifted; ``holds``: all that are in force after the change.
    """

    number: int
    news: News
    at: datetime
    email: str
    profile: str = ""
    notebook: str = ""
    snapshot: str = ""
    reason: str = ""
    effective_at: datetime | None = None
    event_id: str = ""
    hold: str = ""
    holds: tuple[Hold, ...] = ()
