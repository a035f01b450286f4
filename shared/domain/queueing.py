"""What a record that is due is waiting for: what the tick needs to know without any look. Pure."""

from __future__ import annotations

from datetime import datetime

from shared.domain.environment import Environment
from shared.domain.policy import Policy
from shared.domain.resources import Kind, Resource


def queues(environment: Environment) -> bool:
    """Whether a notebook of this person waits for its turn to be made."""
    return queued_since(environment) is not None


def queued_since(environment: Environment) -> datetime | None:
    """Since when a notebook of this person has been waiting for its turn; None if none does."""
    since = [r.queued_at for r in environment.resources if r.queued_at is not None]
    return min(since, default=None)


def in_queue(environment: Environment) -> frozenset[str]:
    """The ids of the notebooks that wait for their turn."""
    return frozenset(r.id for r in environment.resources if r.queued_at is not None)


def only_queues(environment: Environment, now: datetime) -> bool:
    """Whether nothing else is to be done for this person."""
    queued = [r for r in environment.resources if r.queued_at is not None]
    return bool(queued) and _quiet_but_for(environment, queued, now)


def awaited(environment: Environment, now: datetime, policy: Policy) -> frozenset[str]:
    """The notebooks whose running operations are all that the record waits for; else none.

    An operation that has taken too long is not merely waited for.
    """
    at_work = [
        r
        for r in environment.resources
        if r.kind is Kind.WORKBENCH
        and r.operation
        and r.since is not None
        and now - r.since <= policy.stuck
        and _due(r, now)
    ]
    if not at_work or not _quiet_but_for(environment, at_work, now):
        return frozenset()
    return frozenset(r.name for r in at_work)


def _quiet_but_for(environment: Environment, some: list[Resource], now: datetime) -> bool:
    lease = environment.lease
    if environment.outbox or environment.inherits or environment.held is not None:
        return False
    if lease is not None or (environment.intent is not None and environment.leaving):
        return False  # what leavers wait for is never put off
    if any(i.effective_at is None or i.effective_at <= now for i in environment.pending):
        return False
    return not any(_due(r, now) for r in environment.resources if r not in some)


def _due(resource: Resource, now: datetime) -> bool:
    moments = (resource.look_at, resource.retry_at, resource.ask_at)
    return any(moment is not None and moment <= now for moment in moments)
