"""How a failed step changes a resource: given up, or tried again, and when. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.faults import Fate, Problem
from shared.domain.lost_calls import with_lost_call
from shared.domain.places import zone_of
from shared.domain.policy import Policy
from shared.domain.resources import Resource, State, Step

STUCK = "STUCK"  # the code of a problem: something has been at work for too long


def fail(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """Return the resource after its step failed, depending on the fate of the problem."""
    if problem.fate is Fate.UNCERTAIN:
        # Still under way as far as we know, and the serial stays: a repeat is the same request.
        if resource.under_way is not None:
            resource = with_lost_call(resource, now + policy.doubt)
        return wait_after(resource, problem, key=key, now=now, policy=policy)
    attempts = resource.attempts
    # NOT_FOUND from a restore may mean the snapshot, which is then looked at (``looks``).
    unclear = resource.under_way is Step.RESTORE and problem.code == "NOT_FOUND"
    if problem.fate in (Fate.PERMANENT, Fate.FOREIGN) and not unclear:
        # Repeating can't help: retry at the slowest rate, or at the next event.
        attempts = max(attempts, policy.attempts - 1)
    ended = replace(
        resource,
        under_way=None,
        operation="",
        since=None,
        serial=resource.serial + 1,
        attempts=attempts,
        digest="" if resource.under_way is Step.UPDATE else resource.digest,
        state=State.FOREIGN if problem.fate is Fate.FOREIGN else resource.state,
    )
    if problem.fate is Fate.STOCK_OUT and resource.under_way is Step.CREATE:
        # Not a failure yet: the next zone is tried at once. See ``out_of_places`` for the last.
        tried = tuple(dict.fromkeys((*resource.tried, resource.name)))
        return replace(ended, tried=tried, problem=problem, look_at=now, retry_at=None)
    if problem.fate is Fate.STOCK_OUT:
        # Its disk ties it to its zone. A stock-out is not an error of the person or the profile,
        # so it never leads to quarantine.
        ended = replace(ended, attempts=min(ended.attempts, policy.attempts - 2))
        problem = _no_machine(resource, problem)
    return wait_after(ended, problem, key=key, now=now, policy=policy)


def within_the_hour(resource: Resource, now: datetime, policy: Policy) -> Resource:
    """``resource``, which waits for a look or another try no longer than the longest back-off
    before quarantine."""
    soon = now + policy.backoff_most
    look_at = min(resource.look_at, soon) if resource.look_at else None
    retry_at = min(resource.retry_at, soon) if resource.retry_at else None
    if (look_at, retry_at) == (resource.look_at, resource.retry_at):
        return resource
    return replace(resource, look_at=look_at, retry_at=retry_at)


def _no_machine(resource: Resource, problem: Problem) -> Problem:
    zone, step = zone_of(resource.name), resource.under_way or "run"
    message = (
        f"{resource.name}: {zone} has no machine to {step} it on just now. "
        "Its data is safe on its disk there; tried again later. If this stays, change the machine "
        "type in the profile."
    )
    return replace(problem, message=message)


def out_of_places(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """No zone had a machine: wait as after a failure, then start again with the first zone."""
    problem = resource.problem
    assert problem is not None, "places are only tried out by stock-outs"
    # A stock-out is not an error of the person or the profile, so it never leads to quarantine.
    attempts = min(resource.attempts, policy.attempts - 2)
    resource = replace(resource, tried=(), attempts=attempts)
    return wait_after(resource, problem, key=key, now=now, policy=policy)


def wait_after(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """Make ``resource`` wait because of ``problem``, longer after each failure."""
    attempts = resource.attempts + 1
    seed = f"{key}/{resource.id}"
    wait = policy.backoff(attempts, seed)
    if problem.retry_after_seconds is not None:
        wait = max(wait, policy.named(problem.retry_after_seconds, attempts, seed))
    return replace(
        resource,
        attempts=attempts,
        problem=_to_show(resource.problem, problem),
        retry_at=now + wait,
        look_at=now + wait,
    )


def _to_show(known: Problem | None, new: Problem) -> Problem:
    """Keep the STUCK problem when a later error is only its consequence."""
    follows = new.fate in (Fate.TEMPORARY, Fate.UNCERTAIN)
    return known if known is not None and known.code == STUCK and follows else new
