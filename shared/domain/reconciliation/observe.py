"""Puts results of steps, observations and consents into the record. Pure.

``transitions`` defines how one resource changes; this module adds what follows from that for the
other resources and the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from shared.domain.environment import Environment
from shared.domain.faults import Disposition, Problem
from shared.domain.manifests.written import written_by
from shared.domain.policy import Policy
from shared.domain.reconciliation.access import in_use, is_used_again
from shared.domain.reconciliation.changes import (
    AccessRegained,
    DataRestored,
    ResourceOutdated,
    WorkLost,
)
from shared.domain.reconciliation.context import Action, Context, TurnedAway
from shared.domain.reconciliation.desired_state import DesiredState, Goal
from shared.domain.reconciliation.draft import Draft
from shared.domain.reconciliation.failures import fail, wait_after
from shared.domain.reconciliation.offboarding import with_workloads_to_observe
from shared.domain.reconciliation.replacement import handed_over, must_be_replaced
from shared.domain.reconciliation.retention import (
    can_be_dropped,
    lost_work,
    retained_since_complete,
    with_source_to_check,
    without_source,
)
from shared.domain.reconciliation.step_claims import requeue
from shared.domain.reconciliation.transitions import apply_observation
from shared.domain.resources.kinds import TEMPLATES, Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

_MOST_LOSSES = 5


def absorb(draft: Draft, context: Context) -> None:
    """Put the results of the last steps into the record."""
    now, policy = context.now, context.policy
    for result in context.results:
        action, key = result.action, draft.record.key
        before = draft.record.resource(action.resource.id)
        if before is None:
            continue  # superseded while the call was made: the next observation shows its effect
        match result.answer:
            case None:
                continue
            case TurnedAway():
                after = requeue(before, now)
            case Problem() as problem:
                after = fail(before, problem, key=key, now=now, policy=policy)
            case Observation() as seen:
                after = apply_observation(
                    before, seen, key=key, now=now, policy=policy, answered=True
                )
                if action.manifest is not None and seen.problem is None:
                    existed = before.kind.holds_data and not seen.operation
                    digest = _written(draft.record, action, action.manifest, before, after, existed)
                    after = replace(after, settings=replace(after.settings, digest=digest))
        _put(draft, before, after, now)


def observe(
    draft: Draft, desired: DesiredState, context: Context, observed: Mapping[str, Observation]
) -> None:
    """Put the observations in ``observed``, by resource id, into the record, in their order."""
    now, policy = context.now, context.policy
    by_id = {manifest.id: manifest for manifest in desired.manifests or ()}
    goals = desired.goals_of(draft.record)
    for id, seen in observed.items():
        before = draft.record.resource(id)
        if before is None:
            continue
        after = apply_observation(before, seen, key=draft.record.key, now=now, policy=policy)
        after = _compared(draft.record, after, seen, by_id.get(after.id), now, policy)
        after = retained_since_complete(draft.record, before, after, now)
        if goals[id] is not Goal.UNMANAGED and is_used_again(draft.record, before, after):
            _note_incident(draft, after, now)
        _put(draft, before, after, now)
        after = draft.record.resource(id) or after
        if can_be_dropped(before, after, draft.record, goals[id]):
            draft.record = without_source(draft.record.without(id), after, now)


def _note_incident(draft: Draft, resource: Resource, now: datetime) -> None:
    """Note that a leaver has access again; until it has ended, that is measured anew."""
    text = f"{in_use(resource)} although the person has left and their access had ended"
    draft.note(AccessRegained(resource.id, text))
    status = replace(draft.record.status, unmet_since=now)
    draft.record = replace(draft.record, status=status)


def note_consents(draft: Draft, context: Context) -> None:
    """Put the answers about consent into the record; without consent, it is checked again later."""
    for id, consent in context.consents.items():
        notebook = draft.record.resource(id)
        if notebook is None:
            continue
        if consent.vanished:
            # Consent couldn't be checked, because the notebook was not found: observe it.
            draft.put(notebook, replace(notebook, observe_at=context.now))
        else:
            again = None if consent.given else context.now + context.policy.ask_again
            access = replace(notebook.access, consented=consent.given, consent_check_at=again)
            draft.put(notebook, replace(notebook, access=access))


def _put(draft: Draft, before: Resource, after: Resource, now: datetime) -> None:
    """Replace ``before`` by ``after``, with all that follows for the rest of the record."""
    problem = after.backoff.problem
    if before.step is Step.RESTORE and problem is not None:
        draft.record, after = with_source_to_check(draft.record, after, now)
    loss = lost_work(draft.record, before, after)
    differences = _new_differences(before, after)
    if differences:
        follows = must_be_replaced(draft.record, after)
        draft.note(ResourceOutdated(after.id, differences, follows))
    draft.put(before, after)
    if loss:
        losses = (*draft.record.status.losses, loss)[-_MOST_LOSSES:]
        draft.record = replace(draft.record, status=replace(draft.record.status, losses=losses))
        draft.note(WorkLost(after.id, loss))
    if _can_start_workloads(before) and not _can_start_workloads(after):
        draft.record = with_workloads_to_observe(draft.record, now)
    source = before.data.restore_from
    restored = before.step is Step.RESTORE and not after.data.restore_from
    if source and restored and problem is None:
        draft.note(DataRestored(after.id, source))
        draft.record = handed_over(draft.record, source)


def _new_differences(before: Resource, after: Resource) -> tuple[str, ...]:
    """How it differs in what can't be changed in place, unless that was known."""
    drift, known = after.settings.drift, before.settings.drift
    if drift is None or (known is not None and drift.never == known.never):
        return ()
    return drift.never


def _can_start_workloads(resource: Resource) -> bool:
    """Whether its owner can start sessions or clusters with it."""
    if resource.kind.holds_data:
        return resource.state not in (State.STOPPED, State.ABSENT)
    return resource.kind in TEMPLATES and resource.state is not State.ABSENT


def _written(
    environment: Environment,
    action: Action,
    manifest: Manifest,
    before: Resource,
    after: Resource,
    existed: bool,
) -> str:
    """The digest of the manifest that a resource matches after a step; '' to compare it first.

    It is compared if an earlier try may have created it from another manifest, if the notebook had
    ``existed`` before the create, or if an event that arrived meanwhile may ask for something else.
    """
    if action.step not in (Step.CREATE, Step.UPDATE):
        return after.settings.digest
    if after.state is State.ABSENT or environment.events.in_force != action.intent:
        return ""
    repeated = before.backoff.failures > 0 or bool(before.unconfirmed)
    if action.step is Step.CREATE and before.kind.holds_data and (repeated or existed):
        return ""
    return manifest.digest


def _compared(
    environment: Environment,
    resource: Resource,
    seen: Observation,
    manifest: Manifest | None,
    now: datetime,
    policy: Policy,
) -> Resource:
    """The resource with the result of the comparison, and when to check for consent."""
    drift = seen.drift
    if drift is not None and manifest is not None and not drift.can_be_mended:
        resource = replace(
            resource,
            settings=replace(
                resource.settings, digest=manifest.digest, written=written_by(manifest.body)
            ),
        )
    fresh = resource.kind is Kind.WORKBENCH and resource.state is State.READY
    if fresh and not resource.access.link and manifest is not None:
        return _without_link(environment, resource, now, policy)
    if fresh and not resource.access.consented and resource.access.consent_check_at is None:
        return replace(
            resource,
            access=replace(
                resource.access, consent_check_at=now + policy.first_question(environment.key)
            ),
        )
    return resource


def _without_link(
    environment: Environment, resource: Resource, now: datetime, policy: Policy
) -> Resource:
    """The notebook, which runs but has no link yet, to be observed again."""
    since = resource.moving_since or now
    resource = replace(resource, moving_since=since)
    if resource.observe_at is not None or resource.backoff.problem is not None:
        return resource
    if now - since <= policy.stuck:
        return replace(resource, observe_at=now + policy.poll)
    minutes = int(policy.stuck.total_seconds() // 60)
    problem = Problem(
        code="NO_LINK",
        message=f"{resource.name} has been running for more than {minutes} minutes, but Workbench "
        "reports no link to open it. Look at its logs in Compute Engine; it may help if its owner "
        "stops and starts it.",
        disposition=Disposition.TEMPORARY,
    )
    return wait_after(resource, problem, key=environment.key, now=now, policy=policy)
