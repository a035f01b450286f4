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
_MOST_STEPS = 40
_MOST_OPERATIONS = 3  # operations named for a step that ended many sessions or clusters


def with_changes(
    leavings: tuple[OffboardingRecord, ...], changes: Sequence[Change], now: datetime
) -> tuple[OffboardingRecord, ...]:
    """``leavings`` with what ``changes`` add to the current departure."""
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
        step = StepRecord(step=after.in_flight.step, about=after.id, begun_at=now)
        leaving = _with_room(replace(leaving, deeds=(*leaving.deeds, step)))
    return leaving


def _with_room(leaving: OffboardingRecord) -> OffboardingRecord:
    """``leaving`` with at most ``_MOST_STEPS`` steps; ended ones of workloads are dropped first."""
    steps = leaving.deeds
    if len(steps) <= _MOST_STEPS:
        return leaving
    many = (i for i, step in enumerate(steps) if _is_ended_workload_step(step))
    drop = next(many, 0)
    return replace(
        leaving,
        deeds=(*steps[:drop], *steps[drop + 1 :]),
        deeds_left_out=leaving.deeds_left_out + 1,
    )


def _is_ended_workload_step(step: StepRecord) -> bool:
    return Kind(step.about.partition("/")[0]).is_workload and step.ended_at is not None


def _with_things(leaving: OffboardingRecord, resource: Resource) -> OffboardingRecord:
    if resource.kind is Kind.SNAPSHOT:
        return leaving  # taken after the leave, and listed in ``snapshots``
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
    """The operation in progress; for many sessions or clusters, the first of the operations."""
    if resource.operation:
        return resource.operation
    found = [item.operation for item in resource.workload.items if item.operation]
    left_out = len(found) - _MOST_OPERATIONS
    shown = ", ".join(found[:_MOST_OPERATIONS])
    return f"{shown} and {left_out} more" if left_out > 0 else shown


def _last(leaving: OffboardingRecord, about: str) -> int | None:
    indices = [i for i, step in enumerate(leaving.deeds) if step.about == about]
    return indices[-1] if indices and leaving.deeds[indices[-1]].ended_at is None else None


def _ended(
    leaving: OffboardingRecord, before: Resource, now: datetime, outcome: str
) -> OffboardingRecord:
    index = _last(leaving, before.id)
    if index is None:
        return leaving
    step = leaving.deeds[index]
    step = replace(
        step, operation=_operations(before) or step.operation, ended_at=now, outcome=outcome
    )
    return _with_step(leaving, index, step)


def _named(leaving: OffboardingRecord, after: Resource) -> OffboardingRecord:
    index = _last(leaving, after.id)
    if index is None:
        return leaving
    step = replace(leaving.deeds[index], operation=_operations(after))
    return _with_step(leaving, index, step)


def _with_step(leaving: OffboardingRecord, index: int, step: StepRecord) -> OffboardingRecord:
    steps = (*leaving.deeds[:index], step, *leaving.deeds[index + 1 :])
    return replace(leaving, deeds=steps)
