"""Applies observations to a person's record, and derives history entries and announcements. Pure.

How one resource changes is in ``memory``; this module covers the record as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from shared.domain.announcements import News
from shared.domain.environment import Entry, Environment
from shared.domain.failures import wait_after
from shared.domain.faults import Fate, Problem
from shared.domain.goals import Plan, goals_of
from shared.domain.keeping import (
    is_forgotten,
    kept_since_complete,
    lost_by_others,
    with_doubted_source,
    without_source,
)
from shared.domain.leavers import with_another_look, with_evidence
from shared.domain.memory import see
from shared.domain.policy import Policy
from shared.domain.replacement import handed_over
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.telling import announced
from shared.domain.wants.written import written_by

_MOST_LOSSES = 5
_TEMPLATES = (Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)


def with_looks(
    environment: Environment,
    plan: Plan,
    observations: Mapping[str, Observation],
    now: datetime,
    policy: Policy,
) -> tuple[Environment, list[Entry]]:
    """The record after what was just seen, and what the history should say of it."""
    entries: list[Entry] = []
    goals = goals_of(environment, plan, now)
    wants = {want.id: want for want in plan.wants or ()}
    for before in environment.resources:
        seen = observations.get(before.id)
        if seen is None:
            continue
        after = see(before, seen, key=environment.key, now=now, policy=policy)
        after = judged(environment, after, seen, wants.get(after.id), now, policy)
        after = kept_since_complete(environment, before, after, now)
        environment, more = absorbed(environment, before, after, now)
        entries += more
        if is_forgotten(before, after, environment, goals[after.id]):
            environment = without_source(environment.without(after.id), after, now)
    return environment, entries


def _with_loss(
    environment: Environment, text: str, about: str, now: datetime
) -> tuple[Environment, list[Entry]]:
    """Note in the record that somebody else deleted work, with a history entry."""
    environment = replace(environment, losses=(*environment.losses, text)[-_MOST_LOSSES:])
    environment = announced(environment, News.LOST, now, reason=text)
    return environment, [Entry(at=now, action="resource.lost", text=text, about=about)]


def absorbed(
    environment: Environment, before: Resource, after: Resource, now: datetime
) -> tuple[Environment, list[Entry]]:
    """The record with ``after`` in place of ``before``, and the history entries for the change."""
    entries = told(before, after, now)
    if before.step is Step.RESTORE and after.backoff.problem is not None:
        environment, after = with_doubted_source(environment, after, now)
    loss = lost_by_others(environment, before, after)
    environment = with_evidence(environment, before, after, now)
    if loss:
        environment, more = _with_loss(environment, loss, after.id, now)
        entries += more
    if _can_start_uses(before) and not _can_start_uses(after):
        environment = with_another_look(environment, now)
    if before.data.restore_from and not after.data.restore_from and after.backoff.problem is None:
        text = f"{after.id}: the data of {before.data.restore_from} is restored"
        entries.append(Entry(at=now, action="notebook.restored", text=text, about=after.id))
        environment = announced(environment, News.RESTORED, now, reason=before.data.restore_from)
        environment = handed_over(environment, before.data.restore_from)
    return environment, entries


def _can_start_uses(resource: Resource) -> bool:
    """Whether its owner can start sessions or clusters by it."""
    if resource.kind.holds_data:
        return resource.state not in (State.STOPPED, State.ABSENT)
    return resource.kind in _TEMPLATES and resource.state is not State.ABSENT


def judged(
    environment: Environment,
    resource: Resource,
    seen: Observation,
    want: Want | None,
    now: datetime,
    policy: Policy,
) -> Resource:
    """Note whether ``resource`` matches its profile, and when to check for consent."""
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


def with_consents(
    environment: Environment, plan: Plan, now: datetime, policy: Policy
) -> Environment:
    """The record with the answers about consent; an owner who hasn't consented is checked again."""
    for id, consented in plan.consents.items():
        notebook = environment.resource(id)
        if notebook is not None and id in plan.vanished:
            # Consent couldn't be checked, because the notebook was not found: look at it.
            environment = environment.with_resource(replace(notebook, observe_at=now))
        elif notebook is not None:
            again = None if consented else now + policy.ask_again
            notebook = replace(
                notebook,
                access=replace(notebook.access, consented=consented, consent_check_at=again),
            )
            environment = environment.with_resource(notebook)
    return environment


def told(before: Resource, after: Resource, now: datetime) -> list[Entry]:
    """What the history should say of a change in one resource."""
    entries = []
    said = before.settings.drift.never if before.settings.drift is not None else ()
    if (
        after.settings.drift is not None
        and after.settings.drift.never
        and after.settings.drift.never != said
    ):
        text = f"{after.id} differs from the profile; recreate it to apply: "
        text += "; ".join(after.settings.drift.never)
        entries.append(Entry(at=now, action="resource.outdated", text=text, about=after.id))
    if before.labelled and not after.labelled:
        text = f"{after.id} has lost our labels; they are put back"
        entries.append(Entry(at=now, action="resource.unlabelled", text=text, about=after.id))
    if after.backoff.problem is not None and after.backoff.problem != before.backoff.problem:
        text = f"{after.id}: {after.backoff.problem.message} ({after.backoff.problem.code})"
        entries.append(Entry(at=now, action="step.failed", text=text, about=after.id))
    elif after.creation.queued_at is not None and before.creation.queued_at is None:
        text = f"{after.id} waits for its turn to be made"
        entries.append(Entry(at=now, action="resource.queued", text=text, about=after.id))
    elif after.state is not before.state:
        operation = f" ({after.operation})" if after.operation else ""
        text = f"{after.id} {after.state}{operation}"
        entries.append(Entry(at=now, action=f"resource.{after.state}", text=text, about=after.id))
    return entries
