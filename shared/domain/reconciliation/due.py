"""Whether a person's notebook is being created or queued, and what a record waits for. Pure.

Admission counts creations by it, and the tick decides by it which records need no run. It uses only
what is in the record.
"""

from __future__ import annotations

from datetime import datetime

from shared.domain.environment import Environment
from shared.domain.policy import Policy
from shared.domain.reconciliation.replacement import is_replacing
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.resource import Resource

_LONGEST = Policy().stuck


def is_being_created(environment: Environment) -> bool:
    """Whether a notebook of this person was, or may have been, in creation when last saved.

    Creations older than ``_LONGEST`` are not counted: a record whose observations fail for hours
    must not block others.
    """
    now = environment.updated_at
    return any(_is_being_made(r, now) for r in environment.resources if r.kind.holds_data)


def _is_being_made(notebook: Resource, now: datetime) -> bool:
    if any(call.step is Step.CREATE and call.until > now for call in notebook.unconfirmed):
        return True
    since = notebook.since or notebook.moving_since
    if since is not None and now - since > _LONGEST:
        return False
    return notebook.step is Step.CREATE or notebook.state is State.CREATING


def is_at_work(environment: Environment, now: datetime) -> bool:
    """Whether an operation that creates a notebook of this person was last seen in progress.

    As in ``is_being_created``, an older one than ``_LONGEST`` doesn't count: after an outage of the
    tick its person needs a turn for the next zone, because others may have got their place.
    """
    notebooks = [r for r in environment.resources if r.kind.holds_data]
    creating = (r for r in notebooks if r.step is Step.CREATE and r.operation)
    return any(_is_being_made(r, now) for r in creating)


def queues(environment: Environment) -> bool:
    """Whether a notebook of this person waits for its turn to be created."""
    return queued_since(environment) is not None


def queued_since(environment: Environment) -> datetime | None:
    """Since when a notebook of this person has been waiting for its turn; None if none does."""
    queued = [r for r in environment.resources if r.kind.holds_data]
    return min(
        (r.creation.queued_at for r in queued if r.creation.queued_at is not None), default=None
    )


def only_queues(environment: Environment, now: datetime) -> bool:
    """Whether the record waits for nothing but its turn to create a notebook."""
    queued = [r for r in environment.resources if r.creation.queued_at is not None]
    return bool(queued) and _waits_only_for(environment, queued, now)


def awaited_operations(environment: Environment, now: datetime, policy: Policy) -> frozenset[str]:
    """The notebooks whose operations in progress are all that the record waits for.

    Empty if it waits for anything else, or if an operation has taken too long.
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
    if not at_work or not _waits_only_for(environment, at_work, now):
        return frozenset()
    return frozenset(r.name for r in at_work)


def _waits_only_for(environment: Environment, some: list[Resource], now: datetime) -> bool:
    if environment.lease is not None or environment.leaving:
        return False  # a leave is never delayed
    if environment.outbox.waiting or environment.held is not None:
        return False
    if environment.next_due(now) or is_replacing(environment):
        return False
    return not any(_due(r, now) for r in environment.resources if r not in some)


def _due(resource: Resource, now: datetime) -> bool:
    moments = (resource.observe_at, resource.backoff.retry_at, resource.access.consent_check_at)
    return any(moment is not None and moment <= now for moment in moments)
