"""Decides the next step of one resource. Pure.

It must not know zones or turns: whether a creation can start now is decided in ``start_steps``.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from shared.domain.environment import Environment
from shared.domain.reconciliation.desired_state import Goal
from shared.domain.reconciliation.retention import is_saved, must_be_saved
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.resource import Resource


def next_step(
    environment: Environment,
    resource: Resource,
    goal: Goal,
    manifest: Manifest | None,
    now: datetime,
    *,
    seen: bool,
    snapshot_seen: bool = False,
) -> Step | None:
    """The next step towards ``goal``; None if there is none, or if it has to wait.

    ``seen``: whether the resource was observed in this run. ``snapshot_seen``: whether the snapshot
    of its data was.
    """
    step = _next_step(environment, resource, goal, manifest, now, seen, snapshot_seen)
    return None if step is None or _contradicts(resource, step, goal) else step


def _next_step(
    environment: Environment,
    resource: Resource,
    goal: Goal,
    manifest: Manifest | None,
    now: datetime,
    seen: bool,
    snapshot_seen: bool,
) -> Step | None:
    if _is_given_up(resource, now) and seen:
        return Step.DELETE  # its creation never ended, so it holds no work: create it again
    if _is_left_alone(resource, now):
        return None
    if resource.state is State.ABSENT:
        return Step.CREATE if goal is Goal.PRESENT and manifest is not None else None
    if not seen:
        return None  # change what exists only after a new observation that it is ours
    kept = must_be_saved(environment, resource)
    if resource.state.is_moving:
        return _step_when_stuck(resource, goal, kept=kept)
    owed = owed_protection(environment, resource)
    if _runs(resource) and (goal is Goal.STOPPED or (goal is Goal.ABSENT and kept)):
        # Stop first. If the stop was rejected, still set the hold's protection.
        refused = resource.backoff.problem is not None and owed is Step.PROTECT
        return owed if refused else Step.STOP
    if owed is not None:
        return owed
    if lacks_labels(resource) and (goal is not Goal.PRESENT or manifest is None):
        return Step.LABEL  # otherwise the update to the profile sets all labels
    match goal:
        case Goal.PRESENT:
            return _step_to_present(resource, manifest)
        case Goal.STOPPED | Goal.UNMANAGED:
            return None
        case Goal.ABSENT:
            if kept and not (snapshot_seen and is_saved(environment, resource)):
                return None  # its snapshot must be complete, and observed in this run
            return Step.DELETE
    assert_never(goal)


# Steps that may be repeated while a lost call of the same step may still be carried out, because
# both calls request the same. An update may differ by now; a restore would overwrite newer work.
_REPEATABLE = tuple(step for step in Step if step not in (Step.UPDATE, Step.RESTORE))


def _contradicts(resource: Resource, step: Step, goal: Goal) -> bool:
    """Whether a lost call, if it is carried out after ``step``, could undo its effect."""
    if step is Step.PROTECT or (step is Step.STOP and goal is not Goal.PRESENT):
        return False  # to end access and to protect work never waits; it is observed again anyway
    if not resource.unconfirmed:
        return False
    return step not in _REPEATABLE or any(call.step is not step for call in resource.unconfirmed)


def _is_left_alone(resource: Resource, now: datetime) -> bool:
    if resource.in_flight is not None:
        return True  # one step at a time
    if resource.state.is_moving and not resource.timed_out:
        return True  # the cloud is changing it, and would reject any other change now
    if resource.state is State.FOREIGN:
        return True  # it isn't ours
    return (
        resource.backoff.retry_at is not None and resource.backoff.retry_at > now
    )  # it waits after a failure


def _is_given_up(resource: Resource, now: datetime) -> bool:
    """Whether its creation took too long and is no longer waited for."""
    waits = resource.backoff.retry_at is not None and resource.backoff.retry_at > now
    ours = resource.moving_since is None
    ended = resource.in_flight is None
    return resource.timed_out and ended and resource.state is State.CREATING and ours and not waits


def _step_when_stuck(resource: Resource, goal: Goal, *, kept: bool) -> Step | None:
    """The step for a resource that others left in a transitional state for too long."""
    if not resource.kind.holds_data:
        return Step.DELETE if goal is Goal.ABSENT else None
    match goal:
        case Goal.PRESENT:
            # If somebody else is deleting it, it is created again once it is gone.
            return None if resource.state is State.DELETING else Step.START
        case Goal.STOPPED:
            return Step.STOP
        case Goal.ABSENT:
            return Step.STOP if kept else Step.DELETE
        case Goal.UNMANAGED:
            return None
    assert_never(goal)


def owed_protection(environment: Environment, resource: Resource) -> Step | None:
    """The step that sets or lifts deletion protection for a hold; None if none is needed."""
    if resource.kind is not Kind.WORKBENCH or resource.state in (State.ABSENT, State.FOREIGN):
        return None
    if environment.held is not None:
        # The remains of a failed creation contain no work, and are deleted even under a hold.
        return None if resource.data.protected or resource.creation.failed else Step.PROTECT
    # Lift only the deletion protection that we set ourselves.
    return Step.UNPROTECT if resource.data.protected and resource.data.protected_by_us else None


def lacks_labels(resource: Resource) -> bool:
    """Whether our labels on this person's notebook are missing and can be restored.

    The labels of a broken notebook can't be changed; it is identified by its name and owner.
    """
    return not resource.labelled and resource.state is not State.BROKEN


def _runs(resource: Resource) -> bool:
    return resource.kind.holds_data and resource.state is State.READY


def must_run(resource: Resource) -> bool:
    """Whether a stopped notebook with the goal *present* must be started."""
    never_seen = resource.kind is Kind.WORKBENCH and not resource.access.link
    return resource.access.start_owed or bool(resource.data.restore_from) or never_seen


def _step_to_present(resource: Resource, manifest: Manifest | None) -> Step | None:
    drift = resource.settings.drift
    untried = manifest is not None and resource.settings.digest != manifest.digest
    if resource.state is State.STOPPED:
        if drift and drift.can_be_mended and untried:
            return Step.UPDATE
        # A notebook that its owner or idle shutdown has stopped stays stopped.
        return Step.START if must_run(resource) else None
    if resource.kind is Kind.SNAPSHOT:
        # A snapshot never changes; a failed one has no data, and is created again.
        return Step.DELETE if resource.state is State.BROKEN else None
    if resource.state is State.BROKEN:
        # If its creation failed, it holds no work: delete it and create it again. Any other may
        # hold a person's data: try to start it, never delete it.
        return Step.DELETE if resource.creation.failed else Step.START
    if not resource.kind.holds_data:
        return Step.UPDATE if untried else None
    if resource.data.restore_from:
        return Step.RESTORE
    if drift and untried and drift.at_rest:
        return Step.STOP
    return Step.UPDATE if drift and untried and drift.in_place else None
