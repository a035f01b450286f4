"""Snapshots of data disks: the Compute Engine v1 API over REST.

REST, since google-cloud-compute would be one more large client for three calls. What is to be
snapshotted, and for how long it is kept, is for others to say.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.adapters.compute.calls import ROOT, begun, found, path_of
from shared.adapters.driver_defaults import Plain
from shared.adapters.google_api.errors import of_compute
from shared.adapters.google_api.fault_table import end_of
from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.wants.labels import is_ours

Json = dict[str, Any]

_STATES = {
    "CREATING": State.CREATING,
    "UPLOADING": State.CREATING,  # taken, but not yet where it is kept: not to be relied on
    "READY": State.READY,
    "FAILED": State.BROKEN,
    "DELETING": State.DELETING,
}
_EMPTY = "its creation failed: it holds nothing"


class SnapshotDriver(Plain):
    """One remote call for each step and for a look; two for a look at an operation that ended.

    Once taken, a snapshot never changes: an update only looks.
    """

    kind = Kind.SNAPSHOT

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """Look at the operation, if there is one, and at the snapshot once that has ended."""
        operation = found(self._rest, resource.operation) if resource.operation else None
        if operation is not None and operation.get("status") != "DONE":
            step = resource.under_way
            there = Observation(state=step.moving) if step else self._look(resource, key, want)
            return replace(there, operation=resource.operation)
        seen = self._look(resource, key, want)
        if operation is None:
            return seen
        if operation.get("error"):
            return _after_failure(operation, seen, resource, want)
        return replace(seen, finished=True)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Take it; if one of its name is there already, answer as a look would."""
        parent, _, _ = resource.name.rpartition("/")
        try:
            operation = self._rest.post(f"{ROOT}/{parent}", want.body, requestId=request_id)
        except CloudFault as fault:
            # Compute names no canonical status: its 409 "alreadyExists" reads as an ABORTED.
            if fault.code in ("ALREADY_EXISTS", "ABORTED"):
                seen = self._look(resource, key, want)
                if seen.state is not State.ABSENT:
                    return seen
            if _misses_disk(fault, want):
                raise _disk_is_gone(want) from fault
            raise
        return begun(operation, _scope(resource), State.CREATING)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Change nothing: only answer what is there."""
        return self._look(resource, key, want)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it."""
        try:
            operation = self._rest.delete(f"{ROOT}/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return begun(operation, _scope(resource), State.DELETING)

    def _there(self, resource: Resource) -> Observation:
        snapshot = found(self._rest, resource.name)
        return Observation(state=State.ABSENT) if snapshot is None else _state_of(snapshot)

    def _look(self, resource: Resource, key: str, want: Want | None) -> Observation:
        snapshot = found(self._rest, resource.name)
        if snapshot is None:
            return Observation(state=State.ABSENT)
        if not is_ours(snapshot.get("labels", {}), key):
            return Observation(state=State.FOREIGN, detail="it lacks our labels for this person")
        source = path_of(str(snapshot.get("sourceDisk", "")))
        if want is not None and source != path_of(want.body["sourceDisk"]):
            return Observation(state=State.FOREIGN, detail=f"it is of another disk, {source}")
        return _state_of(snapshot)


def _state_of(snapshot: Json) -> Observation:
    said = str(snapshot.get("status", "none"))
    state = _STATES.get(said)
    if state is None:
        message = f"a snapshot in status {said}, which says nothing; looking again later"
        problem = Problem(code="UNKNOWN_STATE", message=message, fate=Fate.TEMPORARY)
        return Observation(state=None, problem=problem)
    return Observation(
        state=state,
        detail=_EMPTY if state is State.BROKEN else "",
        size_gb=int(snapshot.get("diskSizeGb") or 0),  # an int64, which is text in Google's JSON
    )


def _after_failure(
    operation: Json, seen: Observation, resource: Resource, want: Want | None
) -> Observation:
    fault = end_of(of_compute(operation))
    if want is not None and _misses_disk(fault, want):
        fault = _disk_is_gone(want)
    seen = replace(seen, problem=fault.problem())
    if seen.state is State.CREATING and resource.under_way is Step.CREATE:
        # Nothing is at work on it any more: it would stay half made for ever.
        return replace(seen, state=State.BROKEN, detail=_EMPTY)
    return seen


def _misses_disk(fault: CloudFault, want: Want) -> bool:
    return fault.code == "NOT_FOUND" and path_of(want.body["sourceDisk"]) in fault.message


def _disk_is_gone(want: Want) -> CloudFault:
    message = (
        f"{path_of(want.body['sourceDisk'])} was not found: the data disk is gone; "
        "delete what remains of the notebook by hand, then send retry"
    )
    return CloudFault(Fate.PERMANENT, "NOT_FOUND", message)


def _scope(resource: Resource) -> str:
    """Where its operations are."""
    return resource.name.rpartition("/snapshots/")[0]
