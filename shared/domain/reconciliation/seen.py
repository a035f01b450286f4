"""Puts an observation into a resource, without regard to the step in progress. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.reconciliation.unconfirmed_calls import (
    without_expired,
)
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource, Settings, Workloads


def as_seen(resource: Resource, seen: Observation, now: datetime) -> Resource:
    assert seen.state is not None
    resource = without_expired(resource, now)
    gone, ready = seen.state is State.ABSENT, seen.state is State.READY
    has_run = _may_have_run(resource, seen)
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
            # Its successor gets what was to be restored into it; what is in it now is work.
            restore_from="" if resource.superseded and has_run else resource.data.restore_from,
            saved_in="" if gone or has_run else resource.data.saved_in,
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
            # If our labels are missing, others may be, too: compare it with the profile again.
            digest=resource.settings.digest if seen.labelled and not gone else "",
            fingerprint=seen.fingerprint,
        ),
        usage=replace(
            resource.usage,
            # A stopped notebook has run before.
            was_ready=not gone and (resource.usage.was_ready or ready or _has_run(resource, seen)),
            ready_since=None if gone else resource.usage.ready_since or (now if ready else None),
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


def _may_have_run(resource: Resource, seen: Observation) -> bool:
    """Whether a notebook runs, or was at rest and has run since: it may have broken meanwhile."""
    if not resource.kind.holds_data:
        return False
    at_rest = (State.STOPPED, State.DELETING, State.ABSENT)
    return seen.state is State.READY or (
        resource.state is State.STOPPED and seen.state not in at_rest
    )


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
    """Whether the cloud reports that its creation failed.

    That it was never observed as usable is no proof: it may have been usable in between.
    """
    began_it = resource.step is Step.CREATE and bool(resource.operation)
    return began_it and seen.problem is not None
