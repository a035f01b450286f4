"""Puts announcements into a record's outbox, with what subscribers need to act on them. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.announcements import Announcement, News
from shared.domain.environment import Environment
from shared.domain.resources import Kind, State

# Older ones that were not published are dropped; the record must not grow for ever.
_MOST_WAITING = 50


def announced(
    environment: Environment,
    news: News,
    now: datetime,
    *,
    reason: str = "",
    effective_at: datetime | None = None,
    event_id: str = "",
    hold: str = "",
) -> Environment:
    """The record with ``news`` in its outbox."""
    notebook = environment.notebook
    snapshots = [
        r.name for r in environment.resources if r.kind is Kind.SNAPSHOT and r.state is State.READY
    ]
    item = Announcement(
        number=environment.announced + 1,
        news=news,
        at=now,
        email=environment.person.email,
        profile=environment.profile,
        notebook=notebook.access.link if notebook is not None and news is News.READY else "",
        snapshot=snapshots[-1] if snapshots else "",
        reason=reason,
        effective_at=effective_at,
        event_id=event_id,
        hold=hold,
        holds=environment.holds,
    )
    return replace(
        environment,
        outbox=(*environment.outbox, item)[-_MOST_WAITING:],
        announced=item.number,
    )
