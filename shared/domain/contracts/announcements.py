"""The announcements of an environment: one for each change that others act on.

An announcement is born in the record, in the same write as the change it tells of, and stays in
the outbox until Pub/Sub has taken it: at least once, always under the same id. This module must not
know topics, nor how an announcement looks on the wire (``services/announce.py``).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.domain.commands.holds import Hold


class News(StrEnum):
    """What there is to tell."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"  # what was scheduled will not take effect
    READY = "ready"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    HELD = "held"
    RELEASED = "released"
    RESTORED = "restored"
    LOST = "lost"  # something of theirs was deleted by somebody else


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of news as it was when it happened.

    ``number`` counts within the person's record; with its key it makes the id. ``at``: when.
    ``effective_at``: for something announced for later, when it takes effect; for a suspension,
    when the removal is due. ``event_id``: of what is scheduled or cancelled. ``reason``: in words,
    as the event or the cloud gave it. ``hold``: the id of the hold given or lifted; ``holds``: all
    that are in force now.
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
