"""Calls whose answer was lost: until when they may still be carried out, and what that rules out.

Pure. Why nothing is believed before then is in docs/decisions, "A call whose answer was lost may
still be carried out".
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from shared.domain.policy import Policy
from shared.domain.resources import LostCall, Resource


def with_call_of_a_crash(resource: Resource, now: datetime, policy: Policy) -> Resource:
    """A step under way of which we have neither an operation nor an answer: its worker is gone.

    It made its call while it had the lease, if at all.
    """
    if resource.under_way is None or resource.operation or resource.since is None:
        return resource
    until = resource.since + policy.lease + policy.doubt
    if until <= now or resource.may_still(resource.under_way):
        return resource
    return with_lost_call(resource, until)


def with_lost_call(resource: Resource, until: datetime) -> Resource:
    """The call of the step under way got no answer; it may still be carried out ``until`` then."""
    assert resource.under_way is not None
    others = tuple(c for c in resource.unconfirmed if c.step is not resource.under_way)
    return replace(resource, unconfirmed=(*others, LostCall(step=resource.under_way, until=until)))


def confirmed(resource: Resource, now: datetime) -> Resource:
    """After a look later than all calls whose answer was lost: what they did can be seen now.

    One of them may have written what was wanted earlier, so it is compared anew.
    """
    until = resource.unconfirmed_until
    if until is None or now < until:
        return resource
    return replace(resource, unconfirmed=(), digest="", serial=resource.serial + 1)
