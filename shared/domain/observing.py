"""Puts what the cloud answered into the record: results of steps, observations, consents. Pure.

How one resource changes is in ``memory``; this module covers what follows from it for the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from shared.domain.changes import DataRestored, WorkLost
from shared.domain.context import Action, Context, TurnedAway
from shared.domain.draft import Draft
from shared.domain.environment import Environment
from shared.domain.failures import fail, wait_after
from shared.domain.faults import Fate, Problem
from shared.domain.goals import Wants, goals_of
from shared.domain.keeping import (
    is_forgotten,
    kept_since_complete,
    lost_by_others,
    with_doubted_source,
    without_source,
)
from shared.domain.leavers import with_another_look
from shared.domain.memory import put_back, see
from shared.domain.policy import Policy
from shared.domain.replacement import handed_over
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.wants.written import written_by

_MOST_LOSSES = 5
_TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)


def absorb(draft: Draft, context: Context) -> None:
    """Put the results of our last steps into the record."""
    now, policy = context.now, context.policy
    for result in context.results:
        action, key = result.action, draft.record.key
        before = draft.record.resource(action.resource.id)
        if before is None:
            continue  # superseded while the call was out: an observation will tell
        match result.answer:
            case None:
                continue
            case TurnedAway():
                after = put_back(before, now)
            case Problem() as problem:
                after = fail(before, problem, key=key, now=now, policy=policy)
            case Observation() as seen:
                after = see(before, seen, key=key, now=now, policy=policy, answered=True)
                if action.want is not None and seen.problem is None:
                    existed = before.kind.holds_data and not seen.operation
                    digest = _written(draft.record, action, action.want, before, after, existed)
                    after = replace(after, settings=replace(after.settings, digest=digest))
        _put(draft, before, after, now)


def observe(
    draft: Draft, wants: Wants, context: Context, observed: Mapping[str, Observation]
) -> None:
    """Put what was just ``observed``, by resource id, into the record, in that order."""
    now, policy = context.now, context.policy
    by_id = {want.id: want for want in wants or ()}
    goals = goals_of(draft.record, wants, now)
    for id, seen in observed.items():
        before = draft.record.resource(id)
        if before is None:
            continue
        after = see(before, seen, key=draft.record.key, now=now, policy=policy)
        after = _compared(draft.record, after, seen, by_id.get(after.id), now, policy)
        after = kept_since_complete(draft.record, before, after, now)
        _put(draft, before, after, now)
        after = draft.record.resource(id) or after
        if is_forgotten(before, after, draft.record, goals[id]):
            draft.record = without_source(draft.record.without(id), after, now)


def note_consents(draft: Draft, context: Context) -> None:
    """Put the answers about consent into the record; who hasn't consented is asked again."""
    for id, consent in context.consents.items():
        notebook = draft.record.resource(id)
        if notebook is None:
            continue
        if consent.vanished:
            # Consent couldn't be checked, because the notebook was not found: look at it.
            draft.put(notebook, replace(notebook, observe_at=context.now))
        else:
            again = None if consent.given else context.now + context.policy.ask_again
            access = replace(notebook.access, consented=consent.given, consent_check_at=again)
            draft.put(notebook, replace(notebook, access=access))


def _put(draft: Draft, before: Resource, after: Resource, now: datetime) -> None:
    """Put ``after`` in the place of ``before``, with all that follows from the difference."""
    problem = after.backoff.problem
    if before.step is Step.RESTORE and problem is not None:
        draft.record, after = with_doubted_source(draft.record, after, now)
    loss = lost_by_others(draft.record, before, after)
    draft.put(before, after)
    if loss:
        losses = (*draft.record.losses, loss)[-_MOST_LOSSES:]
        draft.record = replace(draft.record, losses=losses)
        draft.note(WorkLost(after.id, loss))
    if _can_start_uses(before) and not _can_start_uses(after):
        draft.record = with_another_look(draft.record, now)
    source = before.data.restore_from
    if source and not after.data.restore_from and problem is None:
        draft.note(DataRestored(after.id, source))
        draft.record = handed_over(draft.record, source)


def _can_start_uses(resource: Resource) -> bool:
    """Whether its owner can start sessions or clusters by it."""
    if resource.kind.holds_data:
        return resource.state not in (State.STOPPED, State.ABSENT)
    return resource.kind in _TEMPLATES and resource.state is not State.ABSENT


def _written(
    environment: Environment,
    action: Action,
    want: Want,
    before: Resource,
    after: Resource,
    existed: bool,
) -> str:
    """The digest of what is there after a step.

    '' if it has to be compared: an earlier try may have made it otherwise, a notebook may have
    ``existed`` before it was to be created, or an event came while the call was out, so that
    something else may be wanted now.
    """
    if action.step not in (Step.CREATE, Step.UPDATE):
        return after.settings.digest
    if after.state is State.ABSENT or environment.intent != action.intent:
        return ""
    repeated = before.backoff.failures > 0 or bool(before.unconfirmed)
    if action.step is Step.CREATE and before.kind.holds_data and (repeated or existed):
        return ""
    return want.digest


def _compared(
    environment: Environment,
    resource: Resource,
    seen: Observation,
    want: Want | None,
    now: datetime,
    policy: Policy,
) -> Resource:
    """``resource`` with whether it matches its profile, and when to check for consent."""
    drift = seen.drift
    if drift is not None and want is not None and not drift.can_be_mended:
        resource = replace(
            resource,
            settings=replace(resource.settings, digest=want.digest, written=written_by(want.body)),
        )
    fresh = resource.kind is Kind.WORKBENCH and resource.state is State.READY
    if fresh and not resource.access.link and want is not None:
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
    """Look again at a notebook that runs but can't be opened yet."""
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
        "gives no address to open it at. Look at its logs in Compute Engine; a stop and a start "
        "by its owner may help.",
        fate=Fate.TEMPORARY,
    )
    return wait_after(resource, problem, key=environment.key, now=now, policy=policy)
