"""Adds announcements to a record's outbox, with what subscribers need to act on them. Pure.

It must not know how and when they are published.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from shared.domain.contracts.announcements import Announcement, News
from shared.domain.environment import Environment
from shared.domain.reconciliation.changes import (
    AccessRegained,
    Change,
    DataRestored,
    HealthChanged,
    PhaseChanged,
    WorkLost,
)
from shared.domain.resources.kinds import Kind, State
from shared.domain.status import Health, Phase

# If more wait, the oldest are dropped unpublished: a record is one document of limited size.
_MOST_WAITING = 50

_OF_PHASE = {
    Phase.READY: News.READY,
    Phase.SUSPENDED: News.SUSPENDED,
    Phase.REMOVED: News.REMOVED,
}
_OF_HEALTH = {Health.RETRYING: News.FAILED, Health.QUARANTINED: News.QUARANTINED}


def with_announcements(
    record: Environment, changes: Iterable[Change], now: datetime
) -> Environment:
    """The record with the announcements of ``changes`` in its outbox."""
    for change in changes:
        match change:
            case WorkLost():
                record = with_announcement(record, News.LOST, now, reason=change.text)
            case AccessRegained():
                record = with_announcement(record, News.ACCESS_INCIDENT, now, reason=change.text)
            case DataRestored():
                record = with_announcement(record, News.RESTORED, now, reason=change.snapshot)
            case PhaseChanged() | HealthChanged():
                record = _with_status(record, now, anew=isinstance(change, PhaseChanged))
            case _:
                pass
    return record


def _with_status(record: Environment, now: datetime, *, anew: bool) -> Environment:
    """Announce the current phase or health, unless the last announcement of one was the same.

    ``anew``: the phase has just changed; then *ready* is announced again.
    """
    news = _news_of(record)
    if news is None or (news is record.outbox.last and not (anew and news is News.READY)):
        return record  # for example, *suspended* again after a leaver's notebook was protected
    removal = record.removal_at if news is News.SUSPENDED else None
    if record.held is not None:
        removal = None
    record = replace(record, outbox=replace(record.outbox, last=news))
    return with_announcement(record, news, now, reason=record.status.problem, effective_at=removal)


def _news_of(record: Environment) -> News | None:
    if record.status.health is Health.WAITING and record.status.problem:
        return News.FAILED
    return _OF_HEALTH.get(record.status.health, _OF_PHASE.get(record.status.phase))


def with_announcement(
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
        number=environment.outbox.count + 1,
        news=news,
        at=now,
        email=environment.person.email,
        profile=environment.terms.profile,
        notebook=notebook.access.link if notebook is not None and news is News.READY else "",
        snapshot=snapshots[-1] if snapshots else "",
        reason=reason,
        effective_at=effective_at,
        event_id=event_id,
        hold=hold,
        holds=environment.holds.in_force,
    )
    return replace(
        environment,
        outbox=replace(
            environment.outbox,
            waiting=(*environment.outbox.waiting, item)[-_MOST_WAITING:],
            count=item.number,
        ),
    )
