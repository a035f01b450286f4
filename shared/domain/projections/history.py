"""The history of a person: what it says of each change. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from shared.domain.projections.entry import Entry
from shared.domain.reconciliation.changes import (
    AccessEnded,
    AccessRegained,
    Change,
    DataRestored,
    HealthChanged,
    LeftoversFound,
    NotebookReplaced,
    PhaseChanged,
    ResourceChanged,
    ResourceOutdated,
    WorkLost,
)
from shared.domain.resources.resource import Resource
from shared.domain.status import Health

_MOST_NAMED = 5  # leftovers in one entry
_HEALTH = {
    Health.OK: "nothing fails any more",
    Health.WAITING: "waiting for capacity",
    Health.RETRYING: "failing, and tried again",
    Health.QUARANTINED: "quarantined: an admin is needed",
}


def history_of(changes: Iterable[Change], now: datetime) -> list[Entry]:
    """The entries for ``changes``, in their order."""
    return [entry for change in changes for entry in _entries(change, now)]


def _entries(change: Change, now: datetime) -> list[Entry]:
    match change:
        case ResourceChanged():
            return _of_resource(change.before, change.after, now)
        case WorkLost():
            entry = Entry(at=now, action="resource.lost", text=change.text, about=change.about)
        case DataRestored():
            text = f"{change.about}: the data of {change.snapshot} is restored"
            entry = Entry(at=now, action="notebook.restored", text=text, about=change.about)
        case ResourceOutdated():
            then = (
                "; its replacement by a new one with the same data follows by itself"
                if change.replacement_follows
                else "; to apply it, an admin must send recreate"
            )
            text = f"{change.about} differs from the profile in what can't be changed in place: "
            text += "; ".join(change.differences) + then
            entry = Entry(at=now, action="resource.outdated", text=text, about=change.about)
        case NotebookReplaced():
            entry = Entry(at=now, action="notebook.replaced", text=change.text, about=change.about)
        case AccessEnded():
            text = _end_of_access(change)
            entry = Entry(at=now, action="access.ended", text=text, seconds=change.seconds)
        case AccessRegained():
            entry = Entry(at=now, action="access.incident", text=change.text, about=change.about)
        case LeftoversFound():
            entry = Entry(at=now, action="search.leftovers", text=_leftovers(change))
        case PhaseChanged():
            text = f"now {change.phase}"
            entry = Entry(at=now, action="phase.changed", text=text, seconds=change.seconds)
        case HealthChanged():
            because = f": {change.problem}" if change.problem else ""
            text = f"{_HEALTH[change.health]}{because}"
            entry = Entry(at=now, action="health.changed", text=text)
        case _:
            assert_never(change)
    return [entry]


def _end_of_access(change: AccessEnded) -> str:
    text = "access has ended: nothing of theirs runs or can be started by them"
    if change.kept:
        text += f", except what a hold keeps: {', '.join(change.kept)}"
    if change.foreign:
        text += f"; left alone, because our labels are gone: {', '.join(change.foreign)}"
    return text


def _leftovers(change: LeftoversFound) -> str:
    found = "; ".join(change.leftovers[:_MOST_NAMED])
    others = len(change.leftovers) - _MOST_NAMED
    more = f"; and {others} more" if others > 0 else ""
    return f"the final search left alone: {found}{more}"


def _of_resource(before: Resource, after: Resource, now: datetime) -> list[Entry]:
    entries = []
    if before.labelled and not after.labelled:
        text = f"{after.id} has lost our labels; they are put back"
        entries.append(Entry(at=now, action="resource.unlabelled", text=text, about=after.id))
    problem = after.backoff.problem
    if problem is not None and problem != before.backoff.problem:
        text = f"{after.id}: {problem.message} ({problem.code})"
        entries.append(Entry(at=now, action="step.failed", text=text, about=after.id))
    elif after.creation.queued_at is not None and before.creation.queued_at is None:
        text = f"{after.id} waits for its turn to be created"
        entries.append(Entry(at=now, action="resource.queued", text=text, about=after.id))
    elif after.state is not before.state:
        operation = f" ({after.operation})" if after.operation else ""
        text = f"{after.id} {after.state}{operation}"
        entries.append(Entry(at=now, action=f"resource.{after.state}", text=text, about=after.id))
    return entries
