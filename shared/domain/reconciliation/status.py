"""Computes the status of a record from its resources: phase, health, problem, time when due. Pure.

Whether a resource has reached its goal is defined here, too (``is_converged``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from shared.domain.commands.intent import Verb
from shared.domain.environment import Environment
from shared.domain.faults import Disposition
from shared.domain.policy import Policy
from shared.domain.projections.offboarding_record import current
from shared.domain.reconciliation.context import Context
from shared.domain.reconciliation.desired_state import Goal, Manifests
from shared.domain.reconciliation.next_step import lacks_labels, must_run, owed_protection
from shared.domain.reconciliation.offboarding import Conclusion
from shared.domain.reconciliation.replacement import awaits_data, is_replacing
from shared.domain.resources.kinds import TEMPLATES, Kind, State
from shared.domain.resources.resource import Resource
from shared.domain.status import Health, Phase

_SEVERITY = (Health.OK, Health.WAITING, Health.RETRYING, Health.QUARANTINED)
_NO_PROFILE = "UNKNOWN_PROFILE"  # the code of the problem that a profile does not exist any more
_COMPARED = (Kind.WORKBENCH, *TEMPLATES)


def is_converged(environment: Environment, resource: Resource, goal: Goal) -> bool:
    """Whether ``resource`` has reached its goal, as far as the record shows."""
    if resource.state is State.FOREIGN:
        return goal is not Goal.PRESENT  # nothing of this person's is there
    # With a step in progress, ``observe_at`` is always set: the first check is in case it isn't.
    if resource.in_flight is not None or resource.observe_at is not None or resource.unconfirmed:
        return False
    if owed_protection(environment, resource) is not None:
        return False
    if lacks_labels(resource):
        return False
    match goal:
        case Goal.PRESENT:
            if not _is_usable(resource) or _is_unfinished(resource):
                return False
            return not awaits_data(environment, resource)
        case Goal.STOPPED:
            # In a broken notebook nothing runs that could be used.
            return resource.state in (State.STOPPED, State.ABSENT, State.BROKEN)
        case Goal.ABSENT:
            return resource.state is State.ABSENT
        case Goal.UNMANAGED:
            return True
    assert_never(goal)


def _is_usable(resource: Resource) -> bool:
    """Whether its owner can use it: a notebook runs and has a link, or is stopped by its owner or
    idle shutdown."""
    if resource.kind.holds_data and resource.state is State.STOPPED:
        return not must_run(resource)
    openable = resource.kind is not Kind.WORKBENCH or bool(resource.access.link)
    return resource.state is State.READY and openable


def _is_unfinished(resource: Resource) -> bool:
    """Whether data still has to be restored into it, or it has to be compared with the profile."""
    if resource.kind not in _COMPARED:
        return False
    return bool(resource.data.restore_from) or not resource.settings.digest


def awaits_inventory(record: Environment, goals: Mapping[str, Goal]) -> bool:
    """Whether all resources of a leaver's record are gone, and the final search is due."""
    return _lacks_final_search(record) and all(
        _is_away(r) and is_converged(record, r, goals[r.id]) for r in _without_snapshots(record)
    )


def _lacks_final_search(record: Environment) -> bool:
    leaving = current(record.departure.records)
    return record.leaving and leaving is not None and leaving.completed_at is None


def with_status(
    record: Environment,
    manifests: Manifests,
    goals: Mapping[str, Goal],
    conclusion: Conclusion,
    context: Context,
) -> Environment:
    """The record with its phase, health, the problem to show, and the time when it is due."""
    now, policy = context.now, context.policy
    relevant = [r for r in record.resources if not _is_unneeded(record, r)]
    health = max((_health(r, policy) for r in relevant), key=_SEVERITY.index, default=Health.OK)
    shown = [(r.id, r.backoff.problem) for r in relevant if _is_shown(r)]
    problems = [f"{id}: {problem.message}" for id, problem in shown if problem is not None]
    codes = {problem.code for _, problem in shown if problem is not None}
    converged = {r.id for r in record.resources if is_converged(record, r, goals[r.id])}
    phase = _phase(record, manifests, goals, converged)
    due_at = _due_at(record, goals, converged, now, policy, conclusion)
    if conclusion.problem:
        problems.append(conclusion.problem)
        codes.add(conclusion.code)
        health = max(health, Health.RETRYING, key=_SEVERITY.index)
    problems += record.status.losses
    if manifests is None and record.events.in_force is not None and not record.leaving:
        problems = [
            f"profile {record.terms.profile!r} is not in profiles.yaml any more; add it again, or "
            "send a join with another profile"
        ]
        codes = {_NO_PROFILE}
        health = max(health, Health.RETRYING, key=_SEVERITY.index)
        # Without the profile it isn't known what should exist, so the person can't become ready.
        phase = phase if record.status.phase is Phase.READY else Phase.PROVISIONING
        due_at = min([now + policy.backoff_most, *_due_without_profile(record)])
    return replace(
        record,
        status=replace(
            record.status,
            phase=phase,
            health=health,
            problem="; ".join(problems),
            problem_codes=tuple(sorted(codes)),
            due_at=due_at,
        ),
        updated_at=now,
    )


def _due_without_profile(environment: Environment) -> list[datetime]:
    """The times when the record is due for reasons that need no profile: events, operations."""
    announced = [i.effective_at for i in environment.scheduled if i.effective_at is not None]
    at_work = [r for r in environment.resources if r.in_flight is not None or r.unconfirmed]
    return announced + [r.observe_at for r in at_work if r.observe_at is not None]


def _is_unneeded(environment: Environment, resource: Resource) -> bool:
    """Whether it is a failed snapshot that no notebook relies on any more."""
    if resource.kind is not Kind.SNAPSHOT or resource.state is State.READY:
        return False
    relied_on = (r.data.saved_in == resource.slot for r in environment.resources)
    return not any(relied_on)


def _is_shown(resource: Resource) -> bool:
    """Whether its problem is shown; a stock-out isn't while there are other zones to try."""
    if resource.backoff.problem is None:
        return False
    return (
        resource.backoff.problem.disposition is not Disposition.STOCK_OUT
        or not resource.creation.tried
    )


def _health(resource: Resource, policy: Policy) -> Health:
    problem = resource.backoff.problem
    if problem is None or not _is_shown(resource):
        return Health.OK if resource.creation.queued_at is None else Health.WAITING
    if resource.backoff.failures >= policy.attempts:
        return Health.QUARANTINED
    return Health.WAITING if problem.disposition is Disposition.STOCK_OUT else Health.RETRYING


def _phase(
    record: Environment,
    manifests: Manifests,
    goals: Mapping[str, Goal],
    converged: Collection[str],
) -> Phase:
    """``converged``: the ids of the resources that have reached their goals."""
    if record.events.in_force is None:
        return Phase.REMOVED if record.merged_into else Phase.SCHEDULED
    resources = _without_snapshots(record)
    if record.events.in_force.verb is Verb.JOIN:
        settled = all(r.id in converged for r in resources if not r.superseded)
        waits = is_replacing(record, {manifest.id for manifest in manifests or ()})
        return Phase.READY if settled and not waits else Phase.PROVISIONING
    settled = all(r.id in converged for r in resources)
    if settled and all(_is_away(r) for r in resources):
        return Phase.REMOVING if _lacks_final_search(record) else Phase.REMOVED
    if Goal.ABSENT in {goals[r.id] for r in resources if r.kind.holds_data}:
        return Phase.REMOVING
    return Phase.SUSPENDED if settled else Phase.SUSPENDING


def _without_snapshots(record: Environment) -> list[Resource]:
    """The resources without the snapshots, on which the phase does not depend."""
    return [r for r in record.resources if r.kind is not Kind.SNAPSHOT]


def _is_away(resource: Resource) -> bool:
    """Whether nothing of this person's is there."""
    return resource.state in (State.ABSENT, State.FOREIGN)


def _due_at(
    environment: Environment,
    goals: Mapping[str, Goal],
    converged: Collection[str],
    now: datetime,
    policy: Policy,
    conclusion: Conclusion,
) -> datetime | None:
    moments = [i.effective_at for i in environment.scheduled if i.effective_at is not None]
    held = environment.held is not None
    for resource in environment.resources:
        goal, there = goals[resource.id], not _is_away(resource)
        if environment.leaving and goal is Goal.STOPPED and there and not held:
            moments.append(environment.removal_at)
        expires_at = resource.retention.expires_at
        if there and not held and expires_at is not None and expires_at > now:
            moments.append(expires_at)
        if resource.creation.queued_at is not None:
            moments.append(resource.creation.queued_at)
        elif resource.id not in converged:
            waits = [m for m in (resource.observe_at, resource.backoff.retry_at) if m is not None]
            moments.append(max([*waits, now]) if waits else now + policy.poll)
        elif (
            resource.access.consent_check_at is not None
            and goal is Goal.PRESENT
            and resource.state is State.READY
        ):
            moments.append(resource.access.consent_check_at)
    if conclusion.again_at is not None:
        moments.append(conclusion.again_at)
    return min(moments, default=None)
