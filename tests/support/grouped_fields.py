"""Records and resources from their innermost fields: ``a_resource(…, failures=3, link="x")``.

A record and a resource group their fields (``status.due_at``, ``access.link``); a test names the
field that it is about, and these builders put it in its group. A field of a record whose name says
too little alone has a word of its own: ``intent`` and ``holds`` are those in force, ``outbox`` is
what waits in it, ``announced`` how many there were and ``news`` the last, ``leavings`` the records
of departures.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shared.domain.environment import Environment
from shared.domain.resources.resource import InFlight, Resource
from shared.domain.status import Status

__all__ = ["a_resource", "record_with", "replace"]

S = TypeVar("S", bound=msgspec.Struct)

_BEGUN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_IN_FLIGHT = ("step", "since", "operation")
_GROUPS = {
    Environment: ("events", "terms", "departure", "holds", "status", "outbox"),
    Resource: (
        "backoff", "creation", "usage", "settings", "access", "data", "retention", "workload"
    ),
}  # fmt: skip
_WORDS = {
    "events": {"intent": "in_force"},
    "departure": {"leavings": "records"},
    "holds": {"holds": "in_force"},
    "outbox": {"outbox": "waiting", "announced": "count", "news": "last"},
}


def a_resource(**fields: Any) -> Resource:
    """A resource with these fields, of whatever group."""
    own = {name: fields.pop(name) for name in ("kind", "slot", "name")}
    return replace(Resource(**own), **fields)


def record_with(**fields: Any) -> Environment:
    """A record with these fields, of whatever group."""
    own = {name: fields.pop(name) for name in ("key", "person", "created_at", "updated_at")}
    status = Status(phase=fields.pop("phase"))
    return replace(Environment(status=status, **own), **fields)


def replace(value: S, **changes: Any) -> S:
    """``value`` with these fields changed; those of a record or resource may be of its groups."""
    if isinstance(value, Resource):
        in_flight = {name: changes.pop(name) for name in _IN_FLIGHT if name in changes}
        if in_flight:
            changes["in_flight"] = _in_flight(value, in_flight)
    groups = {}
    for name in _GROUPS.get(type(value), ()):
        group, own = getattr(value, name), _WORDS.get(name, {})
        words = {own.get(word, word): word for word in (*group.__struct_fields__, *own)}
        inner = {field: changes.pop(word) for field, word in words.items() if word in changes}
        if inner:
            groups[name] = msgspec.structs.replace(group, **inner)
    return msgspec.structs.replace(value, **changes, **groups)


def _in_flight(resource: Resource, changes: dict[str, Any]) -> InFlight | None:
    known = resource.in_flight
    if changes.get("step", resource.step) is None:
        assert not any(changes.values()), "only a step in flight has an operation and a beginning"
        return None
    since = known.since if known is not None else _BEGUN
    return InFlight(
        step=changes.get("step", resource.step),
        since=changes.get("since", since) or since,
        operation=changes.get("operation", resource.operation),
    )
