"""The status of a record: whether goals are reached, its phase and problem, when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from shared.domain.environment import Environment, Phase, Verb
from shared.domain.faults import Fate
from shared.domain.goals import Goal, Plan
from shared.domain.policy import Policy
from shared.domain.replacement import awaits_data, is_replacing
from shared.domain.resources import Kind, Resource, State
from shared.domain.steps import lacks_labels, must_run, owed_protection

_COMPARED = (Kind.WORKBENCH, Kind.SESSION_TEMPLATE, Kind.CLUSTER_TEMPLATE)


def is_there(environment: Environment, resource: Resource, goal: Goal) -> bool:
    """Whether ``resource`` is where it should be, as far as we remember."""
    if resource.state is State.FOREIGN:
        return goal is not Goal.UP  # nothing of this person's is there
    # With a step under way, ``look_at`` is always set: the first check is there in case it isn't.
    if resource.under_way is not None or resource.look_at is not None or resource.unconfirmed:
        return False
    if owed_protection(environment, resource) is not None:
        return False
    if lacks_labels(resource):
        return False
    match goal:
        case Goal.UP:
            complete = not awaits_data(environment, resource)
            return complete and _is_usable(resource) and not _owes_a_look(resource)
        case Goal.DOWN:
            # What is broken runs nothing that could be used.
            return resource.state in (State.STOPPED, State.ABSENT, State.BROKEN)
        case Goal.GONE:
            return resource.state is State.ABSENT
        case Goal.STAY:
            return True
    assert_never(goal)


def _is_usable(resource: Resource) -> bool:
    """Whether its owner can use it: a notebook runs and has a link, or is stopped by its owner or
    idle shutdown."""
    if resource.kind.holds_data and resource.state is State.STOPPED:
        return not must_run(resource)
    openable = resource.kind is not Kind.WORKBENCH or bool(resource.link)
    return resource.state is State.READY and openable


def _owes_a_look(resource: Resource) -> bool:
    """Whether it still has to be restored, or compared with the profile."""
    if resource.kind not in _COMPARED:
        return False
    return bool(resource.restore_from) or not resource.digest


def with_outlook(
    environment: Environment,
    plan: Plan,
    goals: Mapping[str, Goal],
    now: datetime,
    policy: Policy,
) -> Environment:
    """The record with its phase, the problem people should see, and the time to look again."""
    matters = [r for r in environment.resources if not _is_superseded(environment, r)]
    troubled = [r for r in matters if _is_trouble(r)]
    problem = "; ".join(f"{r.id}: {r.problem.message}" for r in troubled if r.problem)
    is_troubled = bool(problem)
    problem = "; ".join(filter(None, (problem, *environment.losses)))
    due_at = _due_at(environment, goals, now, policy)
    if plan.wants is None and environment.intent is not None and not environment.leaving:
        problem = (
            f"profile {environment.profile!r} is not in profiles.yaml any more; bring it back, or "
            "send a join with another"
        )
        is_troubled = True
        due_at = min([now + policy.backoff_most, *_what_goes_on(environment)])
    return replace(
        environment,
        phase=_phase(environment, plan, goals, policy, troubled=is_troubled),
        problem=problem,
        due_at=due_at,
        updated_at=now,
    )


def _what_goes_on(environment: Environment) -> list[datetime]:
    """When to look again for reasons that need no profile: scheduled events, operations."""
    announced = [i.effective_at for i in environment.scheduled if i.effective_at is not None]
    at_work = [r for r in environment.resources if r.under_way is not None or r.unconfirmed]
    return announced + [r.look_at for r in at_work if r.look_at is not None]


def _is_superseded(environment: Environment, resource: Resource) -> bool:
    """Whether it is a failed snapshot that no notebook relies on any more."""
    if resource.kind is not Kind.SNAPSHOT or resource.state is State.READY:
        return False
    relied_on = (r.snapshot == resource.slot for r in environment.resources)
    return not any(relied_on)


def _is_trouble(resource: Resource) -> bool:
    """Whether its problem is shown; a stock-out is not as long as there are other zones to try."""
    if resource.problem is None:
        return False
    return resource.problem.fate is not Fate.STOCK_OUT or not resource.tried


def _phase(
    environment: Environment,
    plan: Plan,
    goals: Mapping[str, Goal],
    policy: Policy,
    *,
    troubled: bool,
) -> Phase:
    intent = environment.intent
    if intent is None:
        return Phase.REMOVED if environment.merged_into else Phase.SCHEDULED
    stuck = [r for r in environment.resources if r.attempts >= policy.attempts and r.problem]
    if any(not _is_superseded(environment, r) for r in stuck):
        return Phase.QUARANTINED
    if troubled:
        return Phase.FAILING
    # What is kept for later doesn't keep anybody from being ready, or gone.
    living = [r for r in environment.resources if r.kind is not Kind.SNAPSHOT]
    settled = all(is_there(environment, r, goals[r.id]) for r in living)
    if intent.verb is Verb.JOIN:
        settled = all(is_there(environment, r, goals[r.id]) for r in living if not r.superseded)
        waits = is_replacing(environment, {want.id for want in plan.wants or ()})
        return Phase.READY if settled and not waits else Phase.PROVISIONING
    gone = all(r.state in (State.ABSENT, State.FOREIGN) for r in living)
    if gone and settled:
        return Phase.REMOVED
    if Goal.GONE in {goals[r.id] for r in living if r.kind.holds_data}:
        return Phase.REMOVING
    return Phase.SUSPENDED if settled else Phase.SUSPENDING


def _due_at(
    environment: Environment, goals: Mapping[str, Goal], now: datetime, policy: Policy
) -> datetime | None:
    moments = [i.effective_at for i in environment.scheduled if i.effective_at is not None]
    held = environment.held is not None
    for resource in environment.resources:
        goal = goals[resource.id]
        there = resource.state not in (State.ABSENT, State.FOREIGN)
        if environment.leaving and goal is Goal.DOWN and there and not held:
            moments.append(environment.removal_at)
        expires_at = resource.expires_at
        if there and not held and expires_at is not None and expires_at > now:
            moments.append(expires_at)
        if resource.queued_at is not None:
            moments.append(resource.queued_at)
        elif not is_there(environment, resource, goal):
            waits = [m for m in (resource.look_at, resource.retry_at) if m is not None]
            moments.append(max([*waits, now]) if waits else now + policy.poll)
        elif resource.ask_at is not None and goal is Goal.UP and resource.state is State.READY:
            moments.append(resource.ask_at)
    return min(moments, default=None)
