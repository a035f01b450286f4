"""How a resource of the record changes when a step starts, or its start is taken back. Pure."""

from __future__ import annotations

import uuid
from datetime import datetime

from msgspec.structs import replace

from shared.domain.resources.kinds import Step
from shared.domain.resources.resource import InFlight, Resource

_REQUESTS = uuid.UUID("6f0d7c1e-4f43-5d0c-9d0b-0c3a9f6c5b11")


def request_id(key: str, resource: Resource, step: Step) -> str:
    """The request id of ``step``: the same until the step ends, and never used again.

    A UUID, as the Notebooks API requires. It is made from the record, so that a worker that takes
    over from a crashed one repeats the same request.
    """
    request = f"{resource.key or key}/{resource.kind}/{resource.slot}/{step}/{resource.serial}"
    if resource.generation > 1:
        request += f"/{resource.name}"  # if a record was lost, its serials are counted again from 0
    return str(uuid.uuid5(_REQUESTS, request))


def start_step(resource: Resource, step: Step, now: datetime) -> Resource:
    """Note that ``step`` starts; saved before the call, in case of a crash."""
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
        # Once it runs again, its snapshot no longer holds all of its data.
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
