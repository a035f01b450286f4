"""Notes calls whose answer was lost, and until when they may still be carried out. Pure.

The reasons are in docs/decisions, "A call whose answer was lost may still be carried out".
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.policy import Policy
from shared.domain.resources.resource import LostCall, Resource


def with_call_of_crashed_worker(resource: Resource, now: datetime, policy: Policy) -> Resource:
    """Note a possible call of a step without an operation or an answer: its worker crashed.

    The worker made the call before its lease ended, if at all.
    """
    in_flight = resource.in_flight
    if in_flight is None or in_flight.operation:
        return resource
    until = in_flight.since + policy.lease + policy.doubt
    if until <= now or resource.may_still(in_flight.step):
        return resource
    return with_lost_call(resource, until)


def with_lost_call(resource: Resource, until: datetime) -> Resource:
    """Note that the call of the step in progress got no answer; until then it may take effect."""
    step = resource.step
    assert step is not None
    others = tuple(c for c in resource.unconfirmed if c.step is not step)
    until = max([until, *(c.until for c in resource.unconfirmed if c.step is step)])
    return replace(resource, unconfirmed=(*others, LostCall(step=step, until=until)))


def extended(resource: Resource, until: datetime) -> Resource:
    """The resource while the operation of a lost call is in progress: it may still take effect."""
    calls = (replace(call, until=max(call.until, until)) for call in resource.unconfirmed)
    return replace(resource, unconfirmed=tuple(calls))


def without_expired(resource: Resource, now: datetime) -> Resource:
    """Forget the lost calls once none of them can be carried out any more.

    One of them may have applied older settings, so the resource is compared with the profile again.
    """
    until = resource.unconfirmed_until
    if until is None or now < until:
        return resource
    return replace(
        resource,
        unconfirmed=(),
        settings=replace(resource.settings, digest=""),
        serial=resource.serial + 1,
    )
