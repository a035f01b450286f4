"""Derives the leaving record of a departure from what changes in the record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from shared.domain.projections.offboarding_record import (
    OffboardingRecord,
    StepRecord,
    Thing,
    amended,
    current,
)
from shared.domain.reconciliation.changes import Change, ResourceChanged
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.observation import Item
from shared.domain.resources.resource import Resource

_MOST_THINGS = 50  # sessions, and clusters
_MOST_DEEDS = 40
_MOST_OPERATIONS = 3  # operations named for a step that ended many sessions or clusters


def with_changes(
    leavings: tuple[OffboardingRecord, ...], changes: Sequence[Change], now: datetime
) -> tuple[OffboardingRecord, ...]:
    """``leavings`` with what ``changes`` add to the departure that is going on."""
    leaving = current(leavings)
    if leaving is None:
        return leavings
    for change in changes:
        if not isinstance(change, ResourceChanged):
            continue
        if leaving.completed_at and change.after.kind is not Kind.SNAPSHOT:
            continue  # only the later deletion of snapshots is still noted
        leaving = with_change(leaving, change.before, change.after, now)
    return amended(leavings, leaving)


def with_change(
    leaving: OffboardingRecord, before: Resource, after: Resource, now: datetime
) -> OffboardingRecord:
    """``leaving`` with what a change of one resource adds to it."""
    leaving = _with_things(leaving, after)
    if after.kind is Kind.SNAPSHOT and after.state is State.READY:
        names = dict.fromkeys((*leaving.snapshots, after.name))
        leaving = replace(leaving, snapshots=tuple(names))
    if before.in_flight is not None and after.step is not before.step:
        problem = after.backoff.problem if after.backoff.problem != before.backoff.problem else None
        outcome = f"{problem.code}: {problem.message}" if problem else str(after.state)
        leaving = _ended(leaving, before, now, outcome)
    elif _operations(after) and _operations(after) != _operations(before):
        leaving = _named(leaving, after)
    if after.in_flight is not None and after.step is not before.step:
        deed = StepRecord(step=after.in_flight.step, about=after.id, begun_at=now)
        leaving = _with_room(replace(leaving, deeds=(*leaving.deeds, deed)))
    return leaving


def _with_room(leaving: OffboardingRecord) -> OffboardingRecord:
    """``leaving`` with no more deeds than a record can hold; the notebook's stay the longest."""
    deeds = leaving.deeds
    if len(deeds) <= _MOST_DEEDS:
        return leaving
    many = (i for i, deed in enumerate(deeds) if _is_of_many(deed))
    drop = next(many, 0)
    return replace(
        leaving,
        deeds=(*deeds[:drop], *deeds[drop + 1 :]),
        deeds_left_out=leaving.deeds_left_out + 1,
    )


def _is_of_many(deed: StepRecord) -> bool:
    return Kind(deed.about.partition("/")[0]).is_workload and deed.ended_at is not None


def _with_things(leaving: OffboardingRecord, resource: Resource) -> OffboardingRecord:
    if resource.kind is Kind.SNAPSHOT:
        return leaving  # taken since, and listed by itself
    known = {thing.name for thing in leaving.had}
    seen = (
        _things(resource) if resource.state is not State.ABSENT or resource.workload.items else []
    )
    fresh = [thing for thing in seen if thing.name not in known]
    if resource.kind.is_workload:
        listed = sum(thing.about == resource.id for thing in leaving.had)
        fresh = fresh[: max(_MOST_THINGS - listed, 0)]
    left_out = max(
        len(resource.workload.items) + resource.workload.more - _MOST_THINGS, leaving.had_more
    )
    if not fresh and left_out == leaving.had_more:
        return leaving
    return replace(leaving, had=(*leaving.had, *fresh), had_more=left_out)


def _things(resource: Resource) -> list[Thing]:
    if resource.kind.is_workload:
        return [_thing(resource, item) for item in resource.workload.items]
    return [Thing(about=resource.id, name=resource.name, state=resource.state)]


def _thing(resource: Resource, item: Item) -> Thing:
    return Thing(about=resource.id, name=item.name, state=item.state)


def _operations(resource: Resource) -> str:
    """The operation at work on it; for many sessions or clusters, some of the operations."""
    if resource.operation:
        return resource.operation
    found = [item.operation for item in resource.workload.items if item.operation]
    left_out = len(found) - _MOST_OPERATIONS
    shown = ", ".join(found[:_MOST_OPERATIONS])
    return f"{shown} and {left_out} more" if left_out > 0 else shown


def _last(leaving: OffboardingRecord, about: str) -> int | None:
    indices = [i for i, deed in enumerate(leaving.deeds) if deed.about == about]
    return indices[-1] if indices and leaving.deeds[indices[-1]].ended_at is None else None


def _ended(
    leaving: OffboardingRecord, before: Resource, now: datetime, outcome: str
) -> OffboardingRecord:
    index = _last(leaving, before.id)
    if index is None:
        return leaving
    deed = leaving.deeds[index]
    deed = replace(
        deed, operation=_operations(before) or deed.operation, ended_at=now, outcome=outcome
    )
    return _with_deed(leaving, index, deed)


def _named(leaving: OffboardingRecord, after: Resource) -> OffboardingRecord:
    index = _last(leaving, after.id)
    if index is None:
        return leaving
    deed = replace(leaving.deeds[index], operation=_operations(after))
    return _with_deed(leaving, index, deed)


def _with_deed(leaving: OffboardingRecord, index: int, deed: StepRecord) -> OffboardingRecord:
    deeds = (*leaving.deeds[:index], deed, *leaving.deeds[index + 1 :])
    return replace(leaving, deeds=deeds)
