"""The heart: what to do next for one person. Pure; the same inputs give the same answer.

``decide`` compares what should be there with what was last seen and answers with the next step of
each resource, the phase people see, and when to look again. It takes no step itself and never
waits: the shell around it (``services/converge.py``) saves the answer, acts, and asks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

import msgspec
from msgspec.structs import replace

from shared.domain.environment import Entry, Environment, Phase, Verb
from shared.domain.memory import begin, see
from shared.domain.policy import Policy
from shared.domain.resources import Observation, Resource, State, Step, Want


class Goal(StrEnum):
    """Where one resource should get to."""

    UP = "present"
    DOWN = "stopped"  # kept, but not running
    GONE = "absent"


class Action(msgspec.Struct, frozen=True):
    """One step to take now, on one resource; ``want`` is given for create and update."""

    resource: Resource
    step: Step
    want: Want | None


class Decision(msgspec.Struct, frozen=True):
    """The record to save before acting, the steps to take, and what the history should say."""

    environment: Environment
    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]


def must_look(environment: Environment, wants: Sequence[Want] | None, now: datetime) -> list[str]:
    """The ids of the resources to ask the cloud about before deciding.

    Not asked: what was never made, what is waiting out a back-off, what already is where it should
    be. So a first join costs no look at all, and a step that changes something foreign can't be
    taken on an old memory.
    """
    goals = goals_of(environment, wants, now)
    return [r.id for r in environment.resources if _is_due_a_look(r, goals[r.id], now)]


def _is_due_a_look(resource: Resource, goal: Goal, now: datetime) -> bool:
    if resource.retry_at is not None and resource.retry_at > now:
        return False
    if resource.look_at is not None:
        return resource.look_at <= now
    return resource.state is not State.ABSENT and not _is_there(resource, goal)


def decide(
    environment: Environment,
    wants: Sequence[Want] | None,
    observations: Mapping[str, Observation],
    now: datetime,
    policy: Policy,
) -> Decision:
    """What to do now for ``environment``, given what was just seen of it.

    ``wants``: what the profile asks for; None when the person's profile no longer exists (then
    nothing is made or unmade on their behalf, and the record says why).
    ``observations``: by resource id, those of ``must_look`` that were made just now.
    """
    before = environment
    by_id = {want.id: want for want in wants or ()}
    environment = _with_wanted(environment, by_id)
    actions: list[Action] = []
    entries: list[Entry] = []
    goals = goals_of(environment, wants, now)
    for remembered in environment.resources:
        resource = remembered
        want = by_id.get(resource.id)
        fresh = observations.get(resource.id)
        if fresh is not None:
            resource = see(resource, fresh, key=environment.key, now=now, policy=policy)
            entries += told(remembered, resource, now)
        step = next_step(resource, goals[resource.id], want, now, seen=fresh is not None)
        if step is not None:
            if step is Step.CREATE and want is not None:
                place = want.places[resource.place % len(want.places)]
                resource = replace(resource, name=place)
            resource = begin(resource, step, now)
            actions.append(Action(resource, step, want))
        elif _is_there(resource, goals[resource.id]):
            resource = replace(resource, attempts=0, problem=None, look_at=None, retry_at=None)
        environment = environment.with_resource(resource)
    environment = _with_phase(environment, wants, goals, now, policy)
    if environment.phase is not before.phase:
        text = f"now {environment.phase}"
        entries.append(Entry(at=now, action="phase.changed", text=text))
    return Decision(environment, tuple(actions), tuple(entries))


def next_step(
    resource: Resource, goal: Goal, want: Want | None, now: datetime, *, seen: bool
) -> Step | None:
    """The step that brings ``resource`` nearer to ``goal`` now; None to leave it or to wait."""
    if resource.under_way is not None:
        return None  # one step at a time: what we began comes to its end first
    if resource.state.is_moving:
        return None  # the cloud is at work on it; whatever we asked now would be refused
    if resource.retry_at is not None and resource.retry_at > now:
        return None  # it failed a moment ago
    if resource.state is State.FOREIGN:
        return None  # it isn't ours to touch
    if resource.state is State.ABSENT:
        return Step.CREATE if goal is Goal.UP and want is not None else None
    if not seen:
        return None  # what exists is changed only on a fresh look that says that it is ours
    match goal:
        case Goal.UP:
            return _step_up(resource, want)
        case Goal.DOWN:
            return Step.STOP if resource.state is State.READY else None
        case Goal.GONE:
            return Step.DELETE
    assert_never(goal)


def _step_up(resource: Resource, want: Want | None) -> Step | None:
    if resource.state is State.STOPPED:
        return Step.START
    if resource.state is State.BROKEN:
        # Its creation failed, so it holds nobody's work: clear it away and make it again. Any
        # other may be a person's data: try to start it, never delete it.
        return Step.DELETE if resource.stillborn else Step.START
    if want is not None and resource.digest != want.digest and not resource.kind.holds_data:
        return Step.UPDATE
    return None


def goals_of(
    environment: Environment, wants: Sequence[Want] | None, now: datetime
) -> dict[str, Goal]:
    """Where each resource of the record should get to, now, by its id (``kind/slot``).

    ``wants`` None: what the profile asks for isn't known; what is there is to stay.
    """
    intent = environment.intent
    wanted = None if wants is None else {want.id for want in wants}
    goals = {}
    for resource in environment.resources:
        keep = resource.kind.holds_data
        if intent is None:
            goal = Goal.GONE if not keep else Goal.DOWN
        elif intent.verb is Verb.LEAVE:
            goal = Goal.DOWN if keep and now < removal_at(environment) else Goal.GONE
        elif wanted is None or resource.id in wanted:
            goal = Goal.UP
        else:
            # No longer in the profile: a template goes, somebody's work is only stopped.
            goal = Goal.DOWN if keep else Goal.GONE
        goals[resource.id] = goal
    return goals


def removal_at(environment: Environment) -> datetime:
    """When the grace period of a leaver is over."""
    assert environment.left_at is not None, "only leavers are removed"
    assert environment.intent is not None
    if environment.intent.immediate:
        return environment.left_at
    return environment.left_at + timedelta(seconds=environment.grace_seconds)


def _with_wanted(environment: Environment, wants: Mapping[str, Want]) -> Environment:
    if environment.intent is None or environment.intent.verb is Verb.LEAVE:
        return environment
    for want in wants.values():
        if environment.resource(want.id) is None:
            new = Resource(kind=want.kind, slot=want.slot, name=want.places[0])
            environment = environment.with_resource(new)
    return environment


def _is_there(resource: Resource, goal: Goal) -> bool:
    """Whether ``resource`` is where it should be, as far as we remember."""
    if resource.state is State.FOREIGN:
        return goal is not Goal.UP  # nothing of this person's is there
    if resource.under_way is not None or resource.look_at is not None:
        return False
    match goal:
        case Goal.UP:
            return resource.state is State.READY
        case Goal.DOWN:
            # What is broken runs nothing that could be used.
            return resource.state in (State.STOPPED, State.ABSENT, State.BROKEN)
        case Goal.GONE:
            return resource.state is State.ABSENT
    assert_never(goal)


def _with_phase(
    environment: Environment,
    wants: Sequence[Want] | None,
    goals: Mapping[str, Goal],
    now: datetime,
    policy: Policy,
) -> Environment:
    """The record with its phase, the problem people should see, and the time to look again."""
    troubled = [r for r in environment.resources if r.problem is not None]
    problem = "; ".join(f"{r.id}: {r.problem.message}" for r in troubled if r.problem)
    due_at = _due_at(environment, goals, now, policy)
    if wants is None and environment.intent is not None and environment.intent.verb is Verb.JOIN:
        problem = (
            f"profile {environment.profile!r} is not in profiles.yaml any more; bring it back, or "
            "send a join with another"
        )
        due_at = now + policy.backoff_most
    return replace(
        environment,
        phase=_phase(environment, goals, now, policy, troubled=bool(problem)),
        problem=problem,
        due_at=due_at,
        updated_at=now,
    )


def _phase(
    environment: Environment,
    goals: Mapping[str, Goal],
    now: datetime,
    policy: Policy,
    *,
    troubled: bool,
) -> Phase:
    intent = environment.intent
    if intent is None:
        return Phase.SCHEDULED
    if any(r.attempts >= policy.attempts and r.problem for r in environment.resources):
        return Phase.QUARANTINED
    if troubled:
        return Phase.FAILING
    settled = all(_is_there(r, goals[r.id]) for r in environment.resources)
    if intent.verb is Verb.JOIN:
        return Phase.READY if settled else Phase.PROVISIONING
    if all(r.state in (State.ABSENT, State.FOREIGN) for r in environment.resources) and settled:
        return Phase.REMOVED
    if now < removal_at(environment):
        return Phase.SUSPENDED if settled else Phase.SUSPENDING
    return Phase.REMOVING


def _due_at(
    environment: Environment, goals: Mapping[str, Goal], now: datetime, policy: Policy
) -> datetime | None:
    moments = [i.effective_at for i in environment.pending if i.effective_at is not None]
    for resource in environment.resources:
        goal = goals[resource.id]
        leaving = environment.left_at is not None
        if leaving and goal is Goal.DOWN and resource.state not in (State.ABSENT, State.FOREIGN):
            moments.append(removal_at(environment))
        if not _is_there(resource, goal):
            waits = [m for m in (resource.look_at, resource.retry_at) if m is not None]
            moments.append(max([*waits, now]) if waits else now + policy.poll)
    return min(moments, default=None)


def told(before: Resource, after: Resource, now: datetime) -> list[Entry]:
    """What the history should say of a change in one resource."""
    if after.problem is not None and after.problem != before.problem:
        text = f"{after.id}: {after.problem.message} ({after.problem.code})"
        return [Entry(at=now, action="step.failed", text=text, about=after.id)]
    if after.state is before.state:
        return []
    operation = f" ({after.operation})" if after.operation else ""
    text = f"{after.id} {after.state}{operation}"
    return [Entry(at=now, action=f"resource.{after.state}", text=text, about=after.id)]
