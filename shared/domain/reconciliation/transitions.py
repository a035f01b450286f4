"""How the record of a resource changes when a step starts and when it is observed. Pure.

Every function takes a ``Resource`` and returns the next one; none of them decides what to do.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from msgspec.structs import replace

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import STUCK, fail, wait_after, within_the_hour
from shared.domain.reconciliation.unconfirmed_calls import (
    extended,
    with_call_of_crashed_worker,
    with_lost_call,
    without_expired,
)
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import InFlight, Resource, Settings, Workloads

_REQUESTS = uuid.UUID("6f0d7c1e-4f43-5d0c-9d0b-0c3a9f6c5b11")


_AT_HAND = (State.READY, State.STOPPED)
_ACHIEVED = {
    Step.CREATE: (State.READY,),
    Step.UPDATE: _AT_HAND,
    Step.START: (State.READY,),
    Step.RESTORE: _AT_HAND,
    Step.PROTECT: (*_AT_HAND, State.BROKEN),
    Step.UNPROTECT: (*_AT_HAND, State.BROKEN),
    Step.LABEL: (*_AT_HAND, State.BROKEN),
    Step.STOP: (State.STOPPED, State.ABSENT),
    Step.DELETE: (State.ABSENT,),
}


def request_id(key: str, resource: Resource, step: Step) -> str:
    """The idempotency id of ``step``: the same until the step came to an end, then never again.

    A UUID, as the Notebooks API asks for; made from what the record holds, so that a worker that
    takes over from a crashed one repeats the very same request.
    """
    request = f"{resource.key or key}/{resource.kind}/{resource.slot}/{step}/{resource.serial}"
    if resource.generation > 1:
        request += f"/{resource.name}"  # counted anew, a number could be that of a lost record
    return str(uuid.uuid5(_REQUESTS, request))


def start_step(resource: Resource, step: Step, now: datetime) -> Resource:
    """Note that ``step`` is about to be taken; saved before the call, in case of a crash."""
    resource = replace(
        resource.to_observe(now),
        in_flight=InFlight(step=step, since=now),
        creation=replace(resource.creation, queued_at=None),
        access=replace(
            resource.access,
            start_owed=resource.access.start_owed or step in (Step.CREATE, Step.STOP),
        ),
        data=replace(
            resource.data, protected_by_us=resource.data.protected_by_us or step is Step.PROTECT
        ),
    )
    if step in (Step.START, Step.CREATE):
        # Once it runs again, no snapshot holds all of its data any more.
        return replace(resource, data=replace(resource.data, saved_in=""))
    return resource


def requeue(resource: Resource, now: datetime) -> Resource:
    """Take back a create that was claimed but not sent, because its turn comes later.

    The serial stays, because nothing was sent under it.
    """
    return replace(
        resource,
        in_flight=None,
        observe_at=resource.unconfirmed_until,
        creation=replace(resource.creation, queued_at=now),
    )


def apply_observation(
    resource: Resource,
    seen: Observation,
    *,
    key: str,
    now: datetime,
    policy: Policy,
    answered: bool = False,
) -> Resource:
    """The resource after the cloud was asked about it.

    ``answered``: ``seen`` is the answer to the step under way, not a look of its own.
    """
    before = resource
    hung = resource.timed_out and resource.in_flight is not None
    if seen.state is None:
        assert seen.problem is not None, "an observation without a state must say why"
        return wait_after(resource, seen.problem, key=key, now=now, policy=policy)
    if not answered:
        resource = with_call_of_crashed_worker(resource, now, policy)
    if seen.operation and resource.in_flight is None and resource.unconfirmed:
        resource = extended(resource, now + policy.doubt)
    elif seen.operation:
        return _still_at_work(resource, seen, key=key, now=now, policy=policy)
    resource = _as_seen(resource, seen, now)
    problem = seen.problem
    if seen.state is State.FOREIGN:
        problem = _hands_off(resource, seen)
    elif answered and _had_no_effect(before, resource):
        problem = _no_effect(before)
    if problem is not None:
        if problem.disposition is Disposition.UNCERTAIN:
            # Its operation is over, whatever it ended in: nothing about it is uncertain.
            problem = replace(problem, disposition=Disposition.TEMPORARY)
        return fail(resource, problem, key=key, now=now, policy=policy)
    if seen.state.is_moving:
        return _moving(resource, key=key, now=now, policy=policy)
    achieved = _is_achieved(resource, seen)
    if hung and not achieved:
        return _stuck(resource, key=key, now=now, policy=policy)
    return _settled(resource, seen, achieved=achieved, answered=answered)


def _had_no_effect(before: Resource, after: Resource) -> bool:
    """Whether the answer shows no effect; repeating the step at once would loop."""
    step = before.step
    if step is None or before.operation or after.state.is_moving:
        return False
    return after.state is before.state and after.state not in _ACHIEVED[step]


def _no_effect(resource: Resource) -> Problem:
    return Problem(
        code="NO_EFFECT",
        message=f"{resource.name} was {resource.state} before {resource.step} and still is, "
        "though the call was answered without an error; tried again later",
        disposition=Disposition.TEMPORARY,
    )


def _moving(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """The resource while the cloud works on it, for us or for somebody else."""
    if resource.in_flight is None and resource.may_still(Step.CREATE):
        # The create whose answer was lost has been carried out after all.
        resource = replace(
            resource, in_flight=InFlight(step=Step.CREATE, since=now), moving_since=None
        )
    if resource.in_flight is not None:
        if _is_overdue(resource, now, policy):
            return _stuck(resource, key=key, now=now, policy=policy)
        return resource.to_observe(now + policy.poll)
    resource = resource.to_observe(now + policy.poll)
    if resource.timed_out and resource.moving_since is None:
        return resource  # a creation that we gave up: it is being deleted
    since = resource.moving_since or now
    resource = replace(resource, moving_since=since)
    if now - since <= policy.patience(resource.kind, None):
        return resource
    minutes = int(policy.patience(resource.kind, None).total_seconds() // 60)
    message = (
        f"{resource.name} has been {resource.state} for more than {minutes} minutes, which no step "
        "of ours began; what can be tried is tried. Look at its logs in Compute Engine, or ask "
        "whoever changed it."
    )
    problem = Problem(code=STUCK, message=message, disposition=Disposition.TEMPORARY)
    waiting = wait_after(resource, problem, key=key, now=now, policy=policy)
    waiting = within_the_hour(waiting, now, policy)
    return replace(waiting, timed_out=True, backoff=replace(waiting.backoff, retry_at=None))


def _still_at_work(
    resource: Resource, seen: Observation, *, key: str, now: datetime, policy: Policy
) -> Resource:
    assert seen.state is not None
    if _is_overdue(resource, now, policy):
        if resource.in_flight is not None and resource.in_flight.step.is_hidden:
            return _give_up(resource, key=key, now=now, policy=policy)
        if not resource.operation:
            return _stuck(resource, key=key, now=now, policy=policy)
        # Operations have been seen to hang where the thing itself was done: look at that.
        return replace(_with_operation(resource, "").to_observe(now), timed_out=True)
    return replace(
        _with_operation(resource, seen.operation).to_observe(now + policy.poll),
        state=resource.step.moving if resource.step else seen.state,
        workload=Workloads(items=seen.items, more=seen.more),
    )


def _with_operation(resource: Resource, name: str) -> Resource:
    if resource.in_flight is None:
        return resource
    return replace(resource, in_flight=replace(resource.in_flight, operation=name))


def without_waiting(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """A change under way that is no longer waited for, because access is to end.

    A restore may take hours; nobody who has left is to work in the meantime.
    """
    in_flight = resource.in_flight
    if in_flight is None or not in_flight.step.is_hidden or now - in_flight.since <= policy.stuck:
        return resource
    return _give_up(resource, key=key, now=now, policy=policy)


def _give_up(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """Stop waiting for a change. Nothing shows whether it was applied, or will be applied later."""
    resource = with_lost_call(resource, now + policy.given_up)
    return _stuck(resource, key=key, now=now, policy=policy)


def _is_overdue(resource: Resource, now: datetime, policy: Policy) -> bool:
    patience = policy.patience(resource.kind, resource.step)
    return resource.since is not None and now - resource.since > patience


def _stuck(resource: Resource, *, key: str, now: datetime, policy: Policy) -> Resource:
    """Give up on an overdue step: one never ready holds no work; others are looked at again."""
    assert resource.in_flight is not None
    step = resource.in_flight.step
    patience = min(policy.patience(resource.kind, step), now - resource.in_flight.since)
    minutes = int(patience.total_seconds() // 60)
    problem = Problem(
        code=STUCK,
        message=f"{resource.name}: {step} has not ended in {minutes} minutes; tried again. "
        "If this repeats, look at its logs in Compute Engine and at the quota of its zone.",
        disposition=Disposition.TEMPORARY,
    )
    after = fail(resource, problem, key=key, now=now, policy=policy)
    made = step is Step.CREATE and resource.state is State.CREATING
    if not made or after.backoff.failures >= policy.attempts:
        return replace(after, timed_out=False)
    # Delete at once, while this observation is fresh: later it may be in use after all.
    return replace(after.to_observe(now), timed_out=True)


def _as_seen(resource: Resource, seen: Observation, now: datetime) -> Resource:
    assert seen.state is not None
    resource = without_expired(resource, now)
    gone, ready = seen.state is State.ABSENT, seen.state is State.READY
    may_open_again = seen.state.is_moving or seen.state is State.STOPPED
    return replace(
        resource,
        state=seen.state,
        access=replace(
            resource.access,
            link=seen.link or (resource.access.link if may_open_again else ""),
            consented=None if gone else resource.access.consented,
            start_owed=resource.access.start_owed and not (ready and not resource.unconfirmed),
        ),
        data=replace(
            resource.data,
            protected=seen.protected,
            protected_by_us=resource.data.protected_by_us and not gone,
            saved_in="" if gone or (ready and resource.kind.holds_data) else resource.data.saved_in,
        ),
        labelled=gone or seen.labelled,
        workload=Workloads(items=seen.items, more=seen.more),
        size_gb=seen.size_gb or resource.size_gb,
        backoff=replace(
            resource.backoff,
            failures=0 if _are_fewer(resource, seen) else resource.backoff.failures,
        ),
        settings=Settings(
            written=() if gone else resource.settings.written,
            drift=None if gone else seen.drift or resource.settings.drift,
            # Other labels may be missing as well as ours, so it is compared again.
            digest=resource.settings.digest if seen.labelled and not gone else "",
        ),
        usage=replace(
            resource.usage,
            # A stopped notebook has run before.
            was_ready=not gone and (resource.usage.was_ready or ready or _has_run(resource, seen)),
            ready_since=None if gone else resource.usage.ready_since or (now if ready else None),
            # It is about the one that is gone; and what somebody has started is used.
            unused=resource.usage.unused
            and not gone
            and not (ready and resource.state is State.STOPPED),
        ),
        recreate=resource.recreate and not gone,
        timed_out=resource.timed_out and seen.state is resource.state,
        moving_since=resource.moving_since if _still_waits(resource, seen) else None,
        creation=replace(
            resource.creation,
            failed=seen.state is State.BROKEN
            and (resource.creation.failed or _creation_failed(resource, seen)),
        ),
    )


def _has_run(resource: Resource, seen: Observation) -> bool:
    return resource.kind.holds_data and seen.state is State.STOPPED


def _still_waits(resource: Resource, seen: Observation) -> bool:
    """Whether it is still in a transitional state, or still runs without a link."""
    assert seen.state is not None
    no_link = State.READY is seen.state is resource.state and not (
        seen.link or resource.access.link
    )
    return no_link or (seen.state.is_moving and resource.state is not State.READY)


def _are_fewer(resource: Resource, seen: Observation) -> bool:
    return len(seen.items) + seen.more < len(resource.workload.items) + resource.workload.more


def _creation_failed(resource: Resource, seen: Observation) -> bool:
    """Whether the cloud reports it as failed; that we never saw it in use proves nothing."""
    began_it = resource.step is Step.CREATE and bool(resource.operation)
    return began_it and seen.problem is not None


def _is_achieved(resource: Resource, seen: Observation) -> bool:
    """Whether the step under way had its effect; False if there is none."""
    step = resource.step
    if step is None or resource.state not in _ACHIEVED[step]:
        return False
    match step:
        case Step.PROTECT | Step.UNPROTECT:
            return resource.data.protected is (step is Step.PROTECT)
        case Step.LABEL:
            return resource.labelled
        case Step.RESTORE:
            # A restore can't be seen in the instance: only its operation shows it.
            return seen.finished
        case Step.UPDATE:
            # If Google reports an update as done but a difference remains, don't repeat it.
            return seen.finished or seen.drift is None or not seen.drift.can_be_mended
        case _:
            return True


def _settled(resource: Resource, seen: Observation, *, achieved: bool, answered: bool) -> Resource:
    """The resource once no operation is at work on it; decides whether our step has ended."""
    resource = resource.to_observe(resource.unconfirmed_until)
    if resource.in_flight is None:
        return resource
    step = resource.in_flight.step
    # With no operation and no effect, the call may never have left: the very same request is
    # repeated. With an operation that ended, asking again under its id would only replay it.
    ended = achieved or bool(resource.operation) or answered
    if step is Step.RESTORE and not ended and resource.unconfirmed:
        # Repeated, it would overwrite what somebody has written since.
        return resource
    resource = _after(step, resource, seen) if achieved else resource
    return replace(
        resource,
        in_flight=None,
        serial=resource.serial + 1 if ended else resource.serial,
        settings=replace(
            resource.settings,
            digest="" if step is Step.UPDATE and not achieved else resource.settings.digest,
        ),
        backoff=replace(
            resource.backoff,
            failures=0 if achieved else resource.backoff.failures + 1,
            problem=None if achieved else resource.backoff.problem,
        ),
    )


def _after(step: Step, resource: Resource, seen: Observation) -> Resource:
    """The record after a step that succeeded, besides the state."""
    if step is Step.CREATE:
        # Where it was there already, it may differ from what was to be created.
        digest = "" if seen.drift else resource.settings.digest
        return replace(
            resource,
            creation=replace(resource.creation, tried=()),
            access=replace(resource.access, consented=None),
            settings=replace(resource.settings, digest=digest),
        )
    if step is Step.UPDATE and seen.drift is None:
        # Only differences that no update can correct remain.
        never = resource.settings.drift.never if resource.settings.drift is not None else ()
        drift = Drift(never=never) if never else None
        return replace(resource, settings=replace(resource.settings, drift=drift))
    if step is Step.RESTORE:
        return replace(resource, data=replace(resource.data, restore_from=""))
    if step is Step.UNPROTECT:
        return replace(resource, data=replace(resource.data, protected_by_us=False))
    return resource


def _hands_off(resource: Resource, seen: Observation) -> Problem:
    return Problem(
        code="NOT_OURS",
        message=f"{resource.name} exists but is not this person's ({seen.detail or 'no labels'}); "
        'it is left alone: rename or remove it, then publish {"action":"retry", …} on topic '
        "admin-events",
        disposition=Disposition.FOREIGN,
    )
