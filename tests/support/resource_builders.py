"""Resources of a record, told by their innermost fields: ``a_resource(…, failures=3, link="x")``.

A resource groups its fields (``backoff.failures``, ``access.link``); a test names the field that it
is about, and these builders put it in its group.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shared.domain.resources.resource import InFlight, Resource

__all__ = ["a_resource", "replace"]

S = TypeVar("S", bound=msgspec.Struct)

_BEGUN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
_IN_FLIGHT = ("step", "since", "operation")
_GROUPS = ("backoff", "creation", "usage", "settings", "access", "data", "retention", "workload")


def a_resource(**fields: Any) -> Resource:
    """A resource with these fields, of whatever group."""
    own = {name: fields.pop(name) for name in ("kind", "slot", "name")}
    return replace(Resource(**own), **fields)


def replace(value: S, **changes: Any) -> S:
    """``value`` with these fields changed; those of a resource may be of one of its groups."""
    if not isinstance(value, Resource):
        return msgspec.structs.replace(value, **changes)
    in_flight = {name: changes.pop(name) for name in _IN_FLIGHT if name in changes}
    if in_flight:
        changes["in_flight"] = _in_flight(value, in_flight)
    for name in _GROUPS:
        group = getattr(value, name)
        inner = {field: changes.pop(field) for field in group.__struct_fields__ if field in changes}
        if inner:
            changes[name] = msgspec.structs.replace(group, **inner)
    return msgspec.structs.replace(value, **changes)


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
