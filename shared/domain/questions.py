"""What has to be asked of the cloud before anything is decided about a person. Pure."""

from __future__ import annotations

from datetime import datetime

from shared.domain.environment import Environment
from shared.domain.goals import Goal, Plan, goals_of
from shared.domain.keeping import is_kept
from shared.domain.outlook import is_there
from shared.domain.resources import Kind, Resource, State


def must_look(environment: Environment, plan: Plan, now: datetime) -> list[str]:
    """The ids of the resources to ask the cloud about before deciding.

    Not asked: what was never made, what is waiting out a back-off, what already is where it should
    be. So a first join costs no look at all, and a step that changes something foreign can't be
    taken on an old memory.
    """
    goals = goals_of(environment, plan, now)
    due = [r for r in environment.resources if _due_a_look(environment, r, goals[r.id], now)]
    # What is about to be deleted for good is so only on the strength of a snapshot seen just now.
    relied_on = {
        f"{Kind.SNAPSHOT}/{r.data.saved_in}"
        for r in due
        if goals[r.id] is Goal.GONE and is_kept(environment, r)
    }
    ids = {r.id for r in due} | {id for id in relied_on if _may_look(environment.resource(id), now)}
    return [r.id for r in environment.resources if r.id in ids]


def _may_look(resource: Resource | None, now: datetime) -> bool:
    return resource is not None and (
        resource.backoff.retry_at is None or resource.backoff.retry_at <= now
    )


def _due_a_look(environment: Environment, resource: Resource, goal: Goal, now: datetime) -> bool:
    if not _may_look(resource, now):
        return False
    if resource.observe_at is not None:
        return resource.observe_at <= now
    return resource.state is not State.ABSENT and not is_there(environment, resource, goal)


def must_ask(environment: Environment, now: datetime) -> list[str]:
    """The ids of the notebooks whose owners it is time to ask whether they have consented."""
    if environment.leaving:
        return []
    return [
        r.id
        for r in environment.resources
        if r.access.consent_check_at is not None
        and r.access.consent_check_at <= now
        and r.state is State.READY
    ]
