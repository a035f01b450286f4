"""Notes the next step of each resource in the record, and prepares notebooks' creation. Pure.

A notebook is created when there is a zone with capacity, the snapshot to restore is complete, and
it has its turn; until then it waits.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.manifests.workbench import named_as, with_disk_for
from shared.domain.manifests.written import written_by
from shared.domain.reconciliation.context import Action, Context, Needs, Turn
from shared.domain.reconciliation.desired_state import DesiredState
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.failures import out_of_places
from shared.domain.reconciliation.next_step import next_step
from shared.domain.reconciliation.placement import next_place, no_capacity
from shared.domain.reconciliation.replacement import awaits_data
from shared.domain.reconciliation.retention import size_to_restore, snapshot_manifests, to_restore
from shared.domain.reconciliation.status import is_converged
from shared.domain.reconciliation.step_claims import start_step
from shared.domain.resources.kinds import Kind, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Backoff, Resource

_NO_BACKOFF = Backoff()


class Begun(msgspec.Struct, frozen=True):
    """The steps to take, and the ids of the notebooks among them whose turn is provisional.

    ``asks``: what has to be asked before that, the turn or the zones without capacity.
    """

    actions: tuple[Action, ...]
    provisional: frozenset[str]
    asks: Needs


def begin_steps(draft: Draft, desired: DesiredState, context: Context) -> Begun:
    """Note in the record which step of each resource starts now."""
    record, now = draft.record, context.now
    goals = desired.goals_of(record)
    by_id = {m.id: m for m in desired.manifests or ()} | snapshot_manifests(record)
    actions: list[Action] = []
    provisional = set()
    asks = Needs(record=record)
    for before in record.resources:
        manifest, goal = by_id.get(before.id), goals[before.id]
        if manifest is not None:
            manifest = named_as(manifest, before.name)
        # Only a notebook that waits for nothing but its turn stays in the queue: one that exists,
        # is being created, isn't asked for, or waits for something else must not block others.
        resource = _out_of_queue(before)
        saved_in = resource.data.saved_in
        step = next_step(
            record,
            resource,
            goal,
            manifest,
            now,
            seen=context.was_observed(resource.id),
            snapshot_seen=bool(saved_in) and context.was_observed(f"{Kind.SNAPSHOT}/{saved_in}"),
        )
        if step is Step.CREATE and manifest is not None and resource.kind.holds_data:
            lacks = (context.shortages is None, context.turn is None)
            asks = replace(asks, shortages=lacks[0], turn=lacks[1])
            since = before.creation.queued_at or now
            resource, step = _with_place(record, resource, manifest, context, since)
            if step is not None and context.turn is Turn.PROVISIONAL:
                provisional.add(resource.id)
        if step is Step.CREATE and manifest is not None and resource.data.restore_from:
            manifest = with_disk_for(manifest, resource.size_gb)
        if step is not None:
            resource = _with_written(start_step(resource, step, now), step, manifest)
            actions.append(Action(resource, step, manifest, record.events.in_force))
        elif _waits(resource) and is_converged(record, resource, goal):
            resource = replace(resource, backoff=_NO_BACKOFF, observe_at=None)
        draft.put(before, resource)
    return Begun(tuple(actions), frozenset(provisional), asks)


def _waits(resource: Resource) -> bool:
    return resource.observe_at is not None or resource.backoff != _NO_BACKOFF


def _out_of_queue(resource: Resource) -> Resource:
    if resource.creation.queued_at is None:
        return resource
    return replace(resource, creation=replace(resource.creation, queued_at=None))


def _with_written(resource: Resource, step: Step, manifest: Manifest | None) -> Resource:
    """Add what is about to be written to what was written before: the call may fail in between."""
    writes = step in (Step.CREATE, Step.UPDATE) and resource.kind is Kind.WORKBENCH
    if not writes or manifest is None:
        return resource
    both = dict.fromkeys((*resource.settings.written, *written_by(manifest.body)))
    return replace(resource, settings=replace(resource.settings, written=tuple(both)))


def _with_place(
    record: Environment,
    resource: Resource,
    manifest: Manifest,
    context: Context,
    queued_at: datetime,
) -> tuple[Resource, Step | None]:
    """The notebook with its zone and snapshot, and CREATE; or as it has to wait, and None.

    ``queued_at``: since when it is in the queue, if it has to wait for its turn.
    """
    now, policy = context.now, context.policy
    if awaits_data(record, resource) and not resource.data.restore_from:
        return resource, None  # a snapshot of the notebook that it replaces is being taken
    if resource.may_still(Step.CREATE):
        # A lost create may still be carried out in that zone, so no other zone is tried yet.
        if resource.name in manifest.places and resource.name not in resource.creation.tried:
            return resource, Step.CREATE
        return replace(resource, observe_at=resource.unconfirmed_until), None
    place = next_place(resource, manifest, context.shortages or ())
    if not place:
        backoff = replace(resource.backoff, problem=no_capacity(manifest))
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
