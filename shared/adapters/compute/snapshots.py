"""The driver of snapshots of data disks: Compute Engine v1 over REST.

REST, because google-cloud-compute would be one more large client for three calls. Which disks are
saved, and for how long, is decided by the domain.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.adapters.compute.calls import ROOT, get_or_none, path_of, started
from shared.adapters.driver_defaults import DriverDefaults
from shared.adapters.google_api.errors import from_compute_operation
from shared.adapters.google_api.fault_table import operation_fault
from shared.adapters.google_api.rest import Rest
from shared.domain.faults import CloudFault, Disposition, Problem
from shared.domain.manifests.labels import is_ours
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

Json = dict[str, Any]

_STATES = {
    "CREATING": State.CREATING,
    "UPLOADING": State.CREATING,  # taken but not yet stored, so it must not be relied on
    "READY": State.READY,
    "FAILED": State.BROKEN,
    "DELETING": State.DELETING,
}
_EMPTY = "its creation failed: it contains no data"


class SnapshotDriver(DriverDefaults):
    """One remote call per step and per observation; two to observe after an operation has ended.

    A snapshot never changes: an update only reads it.
    """

    kind = Kind.SNAPSHOT

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read the operation, if there is one; read the snapshot once it has ended."""
        ours = resource.in_flight
        operation = get_or_none(self._rest, ours.operation) if ours and ours.operation else None
        if ours is not None and operation is not None and operation.get("status") != "DONE":
            return Observation(state=ours.step.moving, operation=ours.operation)
        seen = self._read(resource, key, manifest)
        if operation is None:
            return seen
        if operation.get("error"):
            return _after_failure(operation, seen, resource, manifest)
        return replace(seen, finished=True)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Create it; if the name is taken, observe what has it."""
        parent, _, _ = resource.name.rpartition("/")
        try:
            operation = self._rest.post(f"{ROOT}/{parent}", manifest.body, requestId=request_id)
        except CloudFault as fault:
            # Compute returns no canonical status: its 409 "alreadyExists" is read as ABORTED.
            if fault.code in ("ALREADY_EXISTS", "ABORTED"):
                seen = self._read(resource, key, manifest)
                if seen.state is not State.ABSENT:
                    return seen
            if _lacks_disk(fault, manifest):
                raise _disk_missing(manifest) from fault
            raise
        return started(operation, _scope(resource), State.CREATING)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """A snapshot is never changed: only reads it."""
        return self._read(resource, key, manifest)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it."""
        try:
            operation = self._rest.delete(f"{ROOT}/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return started(operation, _scope(resource), State.DELETING)

    def _current(self, resource: Resource) -> Observation:
        snapshot = get_or_none(self._rest, resource.name)
        return Observation(state=State.ABSENT) if snapshot is None else state_of(snapshot)

    def _read(self, resource: Resource, key: str, manifest: Manifest | None) -> Observation:
        snapshot = get_or_none(self._rest, resource.name)
        if snapshot is None:
            return Observation(state=State.ABSENT)
        if not is_ours(snapshot.get("labels", {}), key):
            return Observation(state=State.FOREIGN, detail="it lacks our labels for this person")
        source = path_of(str(snapshot.get("sourceDisk", "")))
        if manifest is not None and source != path_of(manifest.body["sourceDisk"]):
            return Observation(state=State.FOREIGN, detail=f"it is of another disk, {source}")
        return state_of(snapshot)


def state_of(snapshot: Json) -> Observation:
    """The snapshot, regardless of its owner."""
    status = str(snapshot.get("status", "none"))
    state = _STATES.get(status)
    if state is None:
        message = f"a snapshot in the unknown status {status}; checking again later"
        problem = Problem(code="UNKNOWN_STATE", message=message, disposition=Disposition.TEMPORARY)
        return Observation(state=None, problem=problem)
    return Observation(
        state=state,
        detail=_EMPTY if state is State.BROKEN else "",
        size_gb=int(snapshot.get("diskSizeGb") or 0),  # int64 is text in Google's JSON
    )


def _after_failure(
    operation: Json, seen: Observation, resource: Resource, manifest: Manifest | None
) -> Observation:
    fault = operation_fault(from_compute_operation(operation))
    if manifest is not None and _lacks_disk(fault, manifest):
        fault = _disk_missing(manifest)
    seen = replace(seen, problem=fault.problem())
    if seen.state is State.CREATING and resource.step is Step.CREATE:
        # No operation is in progress any more, so its creation will never finish.
        return replace(seen, state=State.BROKEN, detail=_EMPTY)
    return seen


def _lacks_disk(fault: CloudFault, manifest: Manifest) -> bool:
    return fault.code == "NOT_FOUND" and path_of(manifest.body["sourceDisk"]) in fault.message


def _disk_missing(manifest: Manifest) -> CloudFault:
    message = (
        f"{path_of(manifest.body['sourceDisk'])} was not found: the data disk is gone; "
        "delete what remains of the notebook by hand, then send retry"
    )
    return CloudFault(Disposition.PERMANENT, "NOT_FOUND", message)


def _scope(resource: Resource) -> str:
    """The scope of its operations."""
    return resource.name.rpartition("/snapshots/")[0]
