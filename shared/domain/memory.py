"""How our memory of a resource changes: by what we see, by what we begin, by what fails. Pure.

Every function takes a ``Resource`` and returns the next one; none of them decides what to do.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from msgspec.structs import replace

from shared.domain.faults import Fate, Problem
from shared.domain.policy import Policy
from shared.domain.resources import Observation, Resource, State, Step

_REQUESTS = uuid.UUID("6f0d7c1e-4f43-5d0c-9d0b-0c3a9f6c5b11")

_ACHIEVED = {
    Step.CREATE: (State.READY,),
    Step.UPDATE: (State.READY,),
    Step.START: (State.READY,),
    Step.STOP: (State.STOPPED, State.ABSENT),
    Step.DELETE: (State.ABSENT,),
}


def request_id(key: str, resource: Resource, step: Step) -> str:
    """The idempotency id of ``step``: the same until the step came to an end, then never again.

    A UUID, as the Notebooks API asks for; made from what the record holds, so that a worker that
    takes over from a crashed one repeats the very same request.
    """
    return str(uuid.uuid5(_REQUESTS, f"{key}/{resource.id}/{step}/{resource.serial}"))


def begin(resource: Resource, step: Step, now: datetime) -> Resource:
    """``step`` is about to be taken; saved before the call, so that a crash leaves a trace."""
    return replace(resource, under_way=step, operation="", since=now, look_at=now, retry_at=None)


def see(
    resource: Resource, seen: Observation, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """The resource after the cloud was asked about it, or has answered a step."""
    if seen.state is None:
        assert seen.problem is not None, "an observation without a state must say why"
        return _wait_after(resource, seen.problem, key=key, now=now, policy=policy)
    if seen.operation:
        return replace(
            resource,
            state=resource.under_way.moving if resource.under_way else seen.state,
            operation=seen.operation,
            look_at=now + policy.poll,
            retry_at=None,
            link="",
        )
    problem = seen.problem
    if seen.state is State.FOREIGN:
        problem = _hands_off(resource, seen)
    resource = _as_seen(resource, seen)
    if problem is not None:
        return fail(resource, problem, key=key, now=now, policy=policy)
    if seen.state.is_moving:
        return replace(resource, look_at=now + policy.poll, retry_at=None)
    return _settled(resource, now, policy)


def _as_seen(resource: Resource, seen: Observation) -> Resource:
    assert seen.state is not None
    gone = seen.state is State.ABSENT
    return replace(
        resource,
        state=seen.state,
        link=seen.link,
        digest="" if gone else resource.digest,
        was_ready=not gone and (resource.was_ready or seen.state is State.READY),
        stillborn=seen.state is State.BROKEN
        and (resource.stillborn or _creation_failed(resource, seen)),
    )


def _creation_failed(resource: Resource, seen: Observation) -> bool:
    """Whether the cloud says so itself: that we never saw it in use proves nothing."""
    began_it = resource.under_way is Step.CREATE and bool(resource.operation)
    return began_it and seen.problem is not None


def _settled(resource: Resource, now: datetime, policy: Policy) -> Resource:
    """Nothing is at work on it any more. Did our step, if there was one, come to its end?"""
    resource = replace(resource, look_at=None, retry_at=None)
    if resource.under_way is None:
        return resource
    achieved = resource.state in _ACHIEVED[resource.under_way]
    # With no operation and no effect, the call may never have left: the very same request is
    # repeated. With an operation that ended, asking again under its id would only replay it.
    ended = achieved or bool(resource.operation)
    look_at = None
    if resource.under_way is Step.CREATE and not ended and resource.since is not None:
        # A create whose answer we never had may still land: "not found" is believed only later.
        believed = resource.since + policy.doubt
        look_at = believed if believed > now else None
    return replace(
        resource,
        look_at=look_at,
        under_way=None,
        operation="",
        since=None,
        serial=resource.serial + 1 if ended else resource.serial,
        attempts=0 if achieved else resource.attempts + 1,
        problem=None if achieved else resource.problem,
    )


def fail(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """A step failed: what becomes of it, by the fate of the fault."""
    if problem.fate is Fate.UNCERTAIN:
        # Still under way as far as we know, and the serial stays: a repeat is the same request.
        return _wait_after(resource, problem, key=key, now=now, policy=policy)
    attempts = resource.attempts
    if problem.fate in (Fate.PERMANENT, Fate.FOREIGN):
        # Repeating can't help; only the slow steps remain, or an event after it was mended.
        attempts = max(attempts, policy.attempts - 1)
    ended = replace(
        resource,
        under_way=None,
        operation="",
        since=None,
        serial=resource.serial + 1,
        attempts=attempts,
        state=State.FOREIGN if problem.fate is Fate.FOREIGN else resource.state,
        place=resource.place + 1 if problem.fate is Fate.STOCK_OUT else resource.place,
    )
    return _wait_after(ended, problem, key=key, now=now, policy=policy)


def _wait_after(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    attempts = resource.attempts + 1
    wait = policy.backoff(attempts, f"{key}/{resource.id}")
    if problem.retry_after_seconds is not None:
        wait = max(wait, timedelta(seconds=problem.retry_after_seconds))
    return replace(
        resource,
        attempts=attempts,
        problem=problem,
        retry_at=now + wait,
        look_at=now + wait,
    )


def _hands_off(resource: Resource, seen: Observation) -> Problem:
    return Problem(
        code="NOT_OURS",
        message=f"{resource.name} exists but is not this person's ({seen.detail or 'no labels'}); "
        "it is left alone: rename or remove it, then send the event again",
        fate=Fate.FOREIGN,
    )
