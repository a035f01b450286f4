"""How a resource of the record changes when it is observed or a step is answered. Pure.

It must not know the other resources, and does not decide what to do next.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.faults import Disposition, Problem
from shared.domain.policy import Policy
from shared.domain.reconciliation.failures import fail, wait_after
from shared.domain.reconciliation.overdue import (
    fail_as_stuck,
    is_overdue,
    stop_waiting,
    while_moving,
)
from shared.domain.reconciliation.seen import as_seen
from shared.domain.reconciliation.unconfirmed_calls import (
    extended,
    with_call_of_crashed_worker,
)
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Drift
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource, Workloads

_READY_OR_STOPPED = (State.READY, State.STOPPED)
_ACHIEVED = {
    Step.CREATE: (State.READY,),
    Step.UPDATE: _READY_OR_STOPPED,
    Step.START: (State.READY,),
    Step.RESTORE: _READY_OR_STOPPED,
    Step.PROTECT: (*_READY_OR_STOPPED, State.BROKEN),
    Step.UNPROTECT: (*_READY_OR_STOPPED, State.BROKEN),
    Step.LABEL: (*_READY_OR_STOPPED, State.BROKEN),
    Step.STOP: (State.STOPPED, State.ABSENT),
    Step.DELETE: (State.ABSENT,),
}


def apply_observation(
    resource: Resource,
    seen: Observation,
    *,
    key: str,
    now: datetime,
    policy: Policy,
    answered: bool = False,
) -> Resource:
    """The resource after it was observed.

    ``answered``: ``seen`` is the answer to the step in progress, not a separate observation.
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
    resource = as_seen(resource, seen, now)
    problem = seen.problem
    if seen.state is State.FOREIGN:
        problem = _not_ours(resource, seen)
    elif answered and _had_no_effect(before, resource):
        problem = _no_effect(before)
    if problem is not None:
        if problem.disposition is Disposition.UNCERTAIN:
            # Its operation has ended, so it is certain that the step has failed.
            problem = replace(problem, disposition=Disposition.TEMPORARY)
        return fail(resource, problem, key=key, now=now, policy=policy)
    if seen.state.is_moving:
        return while_moving(resource, key=key, now=now, policy=policy)
    achieved = _is_achieved(resource, seen)
    if hung and not achieved:
        return fail_as_stuck(resource, key=key, now=now, policy=policy)
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
        "although the call was answered without an error; it is tried again later",
        disposition=Disposition.TEMPORARY,
    )


def _still_at_work(
    resource: Resource, seen: Observation, *, key: str, now: datetime, policy: Policy
) -> Resource:
    assert seen.state is not None
    if is_overdue(resource, now, policy):
        if resource.in_flight is not None and resource.in_flight.step.is_hidden:
            return stop_waiting(resource, key=key, now=now, policy=policy)
        if not resource.operation:
            return fail_as_stuck(resource, key=key, now=now, policy=policy)
        # An operation can hang although its step was carried out: observe the resource itself.
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


def _is_achieved(resource: Resource, seen: Observation) -> bool:
    """Whether the step in progress had its effect; False if there is no step."""
    step = resource.step
    if step is None or resource.state not in _ACHIEVED[step]:
        return False
    match step:
        case Step.PROTECT | Step.UNPROTECT:
            return resource.data.protected is (step is Step.PROTECT)
        case Step.LABEL:
            return resource.labelled
        case Step.RESTORE:
            # The instance doesn't show a restore; only its operation does.
            return seen.finished
        case Step.UPDATE:
            # If Google reports the update as done, don't repeat it for a remaining difference.
            return seen.finished or seen.drift is None or not seen.drift.can_be_mended
        case _:
            return True


def _settled(resource: Resource, seen: Observation, *, achieved: bool, answered: bool) -> Resource:
    """The resource when no operation is in progress; decides whether our step has ended."""
    resource = resource.to_observe(resource.unconfirmed_until)
    if resource.in_flight is None:
        return resource
    step = resource.in_flight.step
    # Without an operation and without an effect, the call may not have been made: the same request
    # is repeated. After an operation that ended, a new request id is needed: under the old one, the
    # API would only return that operation.
    ended = achieved or bool(resource.operation) or answered
    if step is Step.RESTORE and not ended and resource.unconfirmed:
        # A repeated restore would overwrite what somebody has written since.
        return resource
    resource = _after(step, resource, seen) if achieved else resource
    # After a crash during an update nobody knows what was written, unless it was compared.
    unknown = step is Step.UPDATE and not (achieved and seen.drift is not None)
    return replace(
        resource,
        in_flight=None,
        serial=resource.serial + 1 if ended else resource.serial,
        settings=replace(
            resource.settings,
            digest="" if unknown else resource.settings.digest,
        ),
        backoff=replace(
            resource.backoff,
            failures=0 if achieved else resource.backoff.failures + 1,
            problem=None if achieved else resource.backoff.problem,
        ),
    )


def _after(step: Step, resource: Resource, seen: Observation) -> Resource:
    """The resource after ``step`` succeeded."""
    if step is Step.CREATE:
        # If it existed before, it may differ from what was to be created.
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


def _not_ours(resource: Resource, seen: Observation) -> Problem:
    return Problem(
        code="NOT_OURS",
        message=f"{resource.name} exists but is not this person's ({seen.detail or 'no labels'}); "
        'it is left alone: rename or remove it, then publish {"action":"retry", …} on topic '
        "admin-events",
        disposition=Disposition.FOREIGN,
    )
