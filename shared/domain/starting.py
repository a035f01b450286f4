"""Begins the next step of each resource, and prepares the creation of notebooks. Pure.

A notebook's creation needs a zone with capacity, the snapshot to restore, and its turn; whatever of
these it lacks it waits for.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.context import Action, Context, Needs, Turn
from shared.domain.draft import Draft
from shared.domain.environment import Environment
from shared.domain.failures import out_of_places
from shared.domain.goals import Wants, goals_of
from shared.domain.keeping import size_to_restore, snapshot_wants, to_restore
from shared.domain.memory import begin
from shared.domain.outlook import is_there
from shared.domain.places import nowhere, place_for
from shared.domain.replacement import awaits_data, of_generation
from shared.domain.resources import Backoff, Kind, Resource, Step, Want
from shared.domain.steps import next_step
from shared.domain.wants.workbench import with_disk_for
from shared.domain.wants.written import written_by


class Begun(msgspec.Struct, frozen=True):
    """The steps to take, the notebooks among them whose turn is provisional, and what is missing.

    ``asks``: whether the person's turn has to be asked for, or what the zones lack.
    """

    actions: tuple[Action, ...]
    provisional: frozenset[str]
    asks: Needs


def begin_steps(draft: Draft, wants: Wants, context: Context) -> Begun:
    """Note in the record which step of each resource is about to be taken."""
    record, now = draft.record, context.now
    goals = goals_of(record, wants, now)
    by_id = {want.id: want for want in wants or ()} | snapshot_wants(record)
    actions: list[Action] = []
    provisional = set()
    asks = Needs(record=record)
    for before in record.resources:
        want, goal = by_id.get(before.id), goals[before.id]
        if want is not None:
            want = of_generation(want, before.generation)
        # Only a notebook that waits for nothing but its turn stays in the queue, so that nobody
        # waits behind one that exists, is being made, isn't wanted or waits for something else.
        resource = _out_of_queue(before)
        step = next_step(
            record,
            resource,
            goal,
            want,
            now,
            seen=context.was_observed(resource.id),
            snapshot_seen=context.was_observed(f"{Kind.SNAPSHOT}/{resource.data.saved_in}"),
        )
        if step is Step.CREATE and want is not None and resource.kind.holds_data:
            lacks = (context.shortages is None, context.turn is None)
            asks = replace(asks, shortages=lacks[0], turn=lacks[1])
            since = before.creation.queued_at or now
            resource, step = _with_place(record, resource, want, context, since)
            if step is not None and context.turn is Turn.PROVISIONAL:
                provisional.add(resource.id)
        if step is Step.CREATE and want is not None and resource.data.restore_from:
            want = with_disk_for(want, resource.size_gb)
        if step is not None:
            resource = _with_written(begin(resource, step, now), step, want)
            actions.append(Action(resource, step, want, record.intent))
        elif is_there(record, resource, goal):
            resource = replace(resource, backoff=Backoff(), observe_at=None)
        draft.put(before, resource)
    return Begun(tuple(actions), frozenset(provisional), asks)


def _out_of_queue(resource: Resource) -> Resource:
    if resource.creation.queued_at is None:
        return resource
    return replace(resource, creation=replace(resource.creation, queued_at=None))


def _with_written(resource: Resource, step: Step, want: Want | None) -> Resource:
    """Add what is about to be written to what was written before: the call may fail half-way."""
    writes = step in (Step.CREATE, Step.UPDATE) and resource.kind is Kind.WORKBENCH
    if not writes or want is None:
        return resource
    both = dict.fromkeys((*resource.settings.written, *written_by(want.body)))
    return replace(resource, settings=replace(resource.settings, written=tuple(both)))


def _with_place(
    record: Environment, resource: Resource, want: Want, context: Context, queued_at: datetime
) -> tuple[Resource, Step | None]:
    """A notebook with its zone and snapshot, ready to be created; or what it has to wait for.

    ``queued_at``: since when it waits for its turn, if that is all.
    """
    now, policy = context.now, context.policy
    if awaits_data(record, resource) and not resource.data.restore_from:
        return resource, None  # another snapshot of the one it replaces is being taken
    if resource.may_still(Step.CREATE):
        # A lost create may still be carried out in that zone, so no other zone is tried yet.
        if resource.name in want.places and resource.name not in resource.creation.tried:
            return resource, Step.CREATE
        return replace(resource, observe_at=resource.unconfirmed_until), None
    place = place_for(resource, want, context.shortages or ())
    if not place:
        backoff = replace(resource.backoff, problem=nowhere(want))
        resource = replace(resource, backoff=backoff)
        return out_of_places(resource, key=record.key, now=now, policy=policy), None
    if context.turn is Turn.LATER:
        creation = replace(resource.creation, queued_at=queued_at)
        return replace(resource, creation=creation, observe_at=None), None
    source = resource.data.restore_from or to_restore(record)
    resource = replace(
        resource,
        name=place,
        owner=record.person.email,
        key="",
        data=replace(resource.data, restore_from=source),
        size_gb=size_to_restore(record, resource, source),
    )
    return resource, Step.CREATE
