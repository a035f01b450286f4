"""How a failed step changes a resource, and when it is tried again. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.placement import zone_of
from shared.domain.reconciliation.unconfirmed_calls import with_lost_call
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.resource import Backoff, Resource

STUCK = "STUCK"  # the code of a problem: a change takes too long
_PASSING = (Disposition.TEMPORARY, Disposition.UNCERTAIN)


def fail(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """The resource after its step failed, depending on the problem's disposition."""
    if problem.disposition is Disposition.UNCERTAIN:
        # The step may still succeed. The serial stays, so that a repeat has the same request id.
        if resource.in_flight is not None:
            resource = with_lost_call(resource, now + policy.doubt)
        return wait_after(resource, problem, key=key, now=now, policy=policy)
    attempts = resource.backoff.failures
    # NOT_FOUND from a restore may mean the snapshot, which is observed next (``observe``).
    unclear = resource.step is Step.RESTORE and problem.code == "NOT_FOUND"
    if problem.disposition in (Disposition.PERMANENT, Disposition.FOREIGN) and not unclear:
        # A retry can't succeed: try again at the slowest rate, or at the next event.
        attempts = max(attempts, policy.attempts - 1)
    ended = replace(
        resource,
        in_flight=None,
        serial=resource.serial + 1,
        backoff=replace(resource.backoff, failures=attempts),
        settings=replace(
            resource.settings,
            digest="" if resource.step is Step.UPDATE else resource.settings.digest,
        ),
        state=State.FOREIGN if problem.disposition is Disposition.FOREIGN else resource.state,
    )
    if problem.disposition is Disposition.STOCK_OUT and resource.step is Step.CREATE:
        # Not a failure yet: the next zone is tried at once. After the last: ``out_of_places``.
        tried = tuple(dict.fromkeys((*resource.creation.tried, resource.name)))
        return replace(
            ended,
            creation=replace(ended.creation, tried=tried),
            backoff=replace(ended.backoff, problem=problem, retry_at=None),
            observe_at=now,
        )
    if problem.disposition is Disposition.STOCK_OUT:
        # Its disk is in this zone, so no other zone can be tried. A stock-out is not an error of
        # the person or the profile, so it never leads to quarantine.
        ended = replace(
            ended,
            backoff=replace(
                ended.backoff, failures=min(ended.backoff.failures, policy.attempts - 2)
            ),
        )
        problem = _no_machine(resource, problem)
    return wait_after(ended, problem, key=key, now=now, policy=policy)


def within_the_hour(resource: Resource, now: datetime, policy: Policy) -> Resource:
    """The resource, to be observed and tried again after ``backoff_most`` at the latest."""
    soon = now + policy.backoff_most
    look_at = min(resource.observe_at, soon) if resource.observe_at else None
    retry_at = min(resource.backoff.retry_at, soon) if resource.backoff.retry_at else None
    if (look_at, retry_at) == (resource.observe_at, resource.backoff.retry_at):
        return resource
    return replace(
        resource, observe_at=look_at, backoff=replace(resource.backoff, retry_at=retry_at)
    )


def _no_machine(resource: Resource, problem: Problem) -> Problem:
    zone, step = zone_of(resource.name), resource.step or "run"
    message = (
        f"{resource.name}: {zone} has no machine to {step} it on now. Its data is safe on its "
        "disk in that zone. It is tried again later; if this lasts, change the machine type in "
        "the profile."
    )
    return replace(problem, message=message)


def out_of_places(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """No zone has capacity: wait as after a failure, then start again with the first zone."""
    problem = resource.backoff.problem
    assert problem is not None, "only stock-outs can leave no place to try"
    # A stock-out is not an error of the person or the profile, so it never leads to quarantine.
    attempts = min(resource.backoff.failures, policy.attempts - 2)
    resource = replace(
        resource,
        creation=replace(resource.creation, tried=()),
        backoff=replace(resource.backoff, failures=attempts),
    )
    return wait_after(resource, problem, key=key, now=now, policy=policy)


def wait_after(
    resource: Resource, problem: Problem, *, key: str, now: datetime, policy: Policy
) -> Resource:
    """The resource with a wait because of ``problem``, longer after each failure."""
    attempts = _failures_like(resource.backoff, problem) + 1
    seed = f"{key}/{resource.id}"
    wait = policy.backoff(attempts, seed)
    if problem.retry_after_seconds is not None:
        wait = max(wait, policy.named(problem.retry_after_seconds, attempts, seed))
    return replace(
        resource,
        backoff=Backoff(
            failures=attempts,
            problem=_to_show(resource.backoff.problem, problem),
            retry_at=now + wait,
        ),
        observe_at=now + wait,
    )


def _failures_like(backoff: Backoff, new: Problem) -> int:
    """How many of the failures in a row count towards a quarantine because of ``new``.

    A long stock-out is many failures; a passing error after it is the first of its kind.
    """
    was_short = backoff.problem is not None and backoff.problem.disposition is Disposition.STOCK_OUT
    return 0 if was_short and new.disposition in _PASSING else backoff.failures


def _to_show(known: Problem | None, new: Problem) -> Problem:
    """Keep the STUCK problem when a later error is only its consequence."""
    follows = new.disposition in _PASSING
    return known if known is not None and known.code == STUCK and follows else new
