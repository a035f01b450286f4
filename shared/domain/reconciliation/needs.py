"""Decides what has to be observed or asked before a plan can be made. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from shared.domain.environment import Environment
from shared.domain.reconciliation.context import Context, Needs, ObservationRequest
from shared.domain.reconciliation.desired_state import DesiredState, Goal, Manifests
from shared.domain.reconciliation.retention import is_saved, snapshot_manifests
from shared.domain.reconciliation.status import is_converged
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.resource import Resource


def needs_of(record: Environment, desired: DesiredState, context: Context) -> Needs:
    """The questions that follow from ``record`` and were not asked yet."""
    creates = _will_create_notebook(record, desired.manifests)
    consents = consents_to_check(record, context.now)
    return Needs(
        record=record,
        looks=looks_due(record, desired, context.observed),
        consents=tuple(r for r in consents if r.id not in context.consents),
        older=record.leaving and record.departure.sought_at is None and context.older is None,
        shortages=creates and context.shortages is None,
        turn=creates and context.turn is None,
    )


def looks_due(
    record: Environment, desired: DesiredState, observed: Collection[str]
) -> tuple[ObservationRequest, ...]:
    """What has to be observed and was not yet, each with the manifest to compare it with."""
    todo = [id for id in resources_to_observe(record, desired) if id not in observed]
    if not todo:
        return ()
    by_id = {m.id: m for m in desired.manifests or ()} | snapshot_manifests(record)
    found = [r for r in record.resources if r.id in todo]
    return tuple(ObservationRequest(resource, by_id.get(resource.id)) for resource in found)


def resources_to_observe(record: Environment, desired: DesiredState) -> list[str]:
    """The ids of the resources to observe before a plan is made.

    Not observed: what was never created, what waits after a failure, what has reached its goal. So
    a first join needs no observation, and what exists is changed only after a new observation shows
    that it is ours.
    """
    goals, now = desired.goals_of(record), desired.now
    due = [r for r in record.resources if _is_due(record, r, goals[r.id], now)]
    if not due:
        return []
    # A notebook is deleted only if its snapshot is observed as complete in the same run.
    relied_on = {
        f"{Kind.SNAPSHOT}/{r.data.saved_in}"
        for r in due
        if goals[r.id] is Goal.ABSENT and is_saved(record, r)
    }
    ids = {r.id for r in due} | {id for id in relied_on if _may_look(record.resource(id), now)}
    return [r.id for r in record.resources if r.id in ids]


def consents_to_check(record: Environment, now: datetime) -> list[Resource]:
    """The notebooks for which it is time to check whether the owner has consented."""
    if record.leaving:
        return []
    return [
        r
        for r in record.resources
        if r.state is State.READY
        and r.access.consent_check_at is not None
        and r.access.consent_check_at <= now
    ]


def _may_look(resource: Resource | None, now: datetime) -> bool:
    if resource is None:
        return False
    return resource.backoff.retry_at is None or resource.backoff.retry_at <= now


def _is_due(record: Environment, resource: Resource, goal: Goal, now: datetime) -> bool:
    if not _may_look(resource, now):
        return False
    at = resource.observe_at or resource.unconfirmed_until
    if at is not None:
        return at <= now
    return resource.state is not State.ABSENT and not is_converged(record, resource, goal)


def _will_create_notebook(record: Environment, manifests: Manifests) -> bool:
    """Whether, as far as the record shows, the next step will create a notebook."""
    for manifest in manifests or ():
        known = record.resource(manifest.id) if manifest.kind.holds_data else None
        if known is not None and known.state is State.ABSENT:
            return known.in_flight is None and known.observe_at is None
    return False
