"""How a resource changes when a step of ours, or somebody else's change, takes too long. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import STUCK, fail, wait_after, within_the_hour
from shared.domain.reconciliation.unconfirmed_calls import with_lost_call
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.resource import InFlight, Resource


def is_overdue(resource: Resource, now: datetime, policy: Policy) -> bool:
    """Whether the step in progress has taken longer than it may."""
    patience = policy.patience(resource.kind, resource.step)
    return resource.since is not None and now - resource.since > patience


def while_moving(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """The resource while the cloud is changing it, for us or for somebody else."""
    if resource.in_flight is None and resource.may_still(Step.CREATE):
        # The create whose answer was lost has been carried out after all.
        resource = replace(
            resource, in_flight=InFlight(step=Step.CREATE, since=now), moving_since=None
        )
    if resource.in_flight is not None:
        if is_overdue(resource, now, policy):
            return fail_as_stuck(resource, key=key, now=now, policy=policy)
        return resource.to_observe(now + policy.poll)
    resource = resource.to_observe(now + policy.poll)
    if resource.timed_out and resource.moving_since is None:
        return resource  # its creation took too long: it is being deleted
    since = resource.moving_since or now
    resource = replace(resource, moving_since=since)
    if now - since <= policy.patience(resource.kind, None):
        return resource
    minutes = int(policy.patience(resource.kind, None).total_seconds() // 60)
    message = (
        f"{resource.name} has been {resource.state} for more than {minutes} minutes, which no step "
        "of ours began. The next step is tried nevertheless. Look at its logs in Compute Engine, "
        "or ask whoever changed it."
    )
    problem = Problem(code=STUCK, message=message, disposition=Disposition.TEMPORARY)
    waiting = wait_after(resource, problem, key=key, now=now, policy=policy)
    waiting = within_the_hour(waiting, now, policy)
    return replace(waiting, timed_out=True, backoff=replace(waiting.backoff, retry_at=None))


def without_waiting(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """The resource without a long change in progress, so that it can be stopped now.

    A restore may take hours, and a leaver must not be able to work until it ends.
    """
    in_flight = resource.in_flight
    if in_flight is None or not in_flight.step.is_hidden or now - in_flight.since <= policy.stuck:
        return resource
    return stop_waiting(resource, key=key, now=now, policy=policy)


def stop_waiting(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """Stop waiting for a change. Nothing shows whether it was applied, or will be applied later."""
    resource = with_lost_call(resource, now + policy.given_up)
    return fail_as_stuck(resource, key=key, now=now, policy=policy)


def fail_as_stuck(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """Treat an overdue step as failed.

    A creation that is not quarantined yet is deleted next: what was never ready holds no work.
    """
    assert resource.in_flight is not None
    step = resource.in_flight.step
    patience = min(policy.patience(resource.kind, step), now - resource.in_flight.since)
    minutes = int(patience.total_seconds() // 60)
    problem = Problem(
        code=STUCK,
        message=f"{resource.name}: {step} has not ended in {minutes} minutes; it is tried again. "
        "If this repeats, look at its logs in Compute Engine and at the quota of its zone.",
        disposition=Disposition.TEMPORARY,
    )
    after = fail(resource, problem, key=key, now=now, policy=policy)
    made = step is Step.CREATE and resource.state is State.CREATING
    if not made or after.backoff.failures >= policy.attempts:
        return replace(after, timed_out=False)
    # Delete it now, in the run that observed it as not ready: later somebody may use it.
    return replace(after.to_observe(now), timed_out=True)
