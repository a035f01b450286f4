"""The driver of disks that outlived their Workbench instance: Compute Engine v1 over REST.

Disks are only observed and deleted. Before a deletion, the caller makes sure that the data is
saved in a snapshot or no longer needed.
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
from shared.domain.manifests.labels import is_ours, names_another
from shared.domain.manifests.snapshot import DATA_DISK
from shared.domain.manifests.workbench import is_instance_id
from shared.domain.resources.kinds import Kind, State
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

Json = dict[str, Any]

# Every status of the enum Disk.status.
_STATES = {
    "CREATING": State.CREATING,
    "RESTORING": State.CREATING,  # from a snapshot; not ready before
    "READY": State.READY,
    "UNAVAILABLE": State.READY,  # for the moment; it exists
    "FAILED": State.BROKEN,
    "DELETING": State.DELETING,
}


class DiskDriver(DriverDefaults):
    """Two remote calls for an observation, one if the disk is not ours or is attached; one for a
    deletion.

    A disk belongs to a person by our labels, or by the name of the notebook that we create for
    them: Google does not document whether an instance's labels are copied to its disks. It is not
    touched while it is attached to a machine or while the notebook of its name exists, since the
    data of an instance that lost its machine (ORPHANED) is still on the disk.
    """

    kind = Kind.DISK

    def __init__(self, compute: Rest, notebooks: Rest) -> None:
        self._compute = compute
        self._notebooks = notebooks

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read the operation, if there is one; read the disk once it has ended."""
        operation = get_or_none(self._compute, resource.operation) if resource.operation else None
        if operation is not None and operation.get("status") != "DONE":
            return Observation(state=State.DELETING, operation=resource.operation)
        seen = self._read(resource, key)
        if operation is None:
            return seen
        if operation.get("error"):
            problem = operation_fault(from_compute_operation(operation)).problem()
            return replace(seen, problem=problem)
        return replace(seen, finished=True)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Disks are created with their notebook: only reads the disk."""
        return self._read(resource, key)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """A disk is never changed: only reads it."""
        return self._read(resource, key)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete the disk with its data; the API rejects this while a machine uses the disk."""
        try:
            operation = self._compute.delete(f"{ROOT}/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        zone, _, _ = resource.name.rpartition("/disks/")
        return started(operation, zone, State.DELETING)

    def _current(self, resource: Resource) -> Observation:
        disk = get_or_none(self._compute, resource.name)
        return Observation(state=State.ABSENT) if disk is None else state_of(disk)

    def _read(self, resource: Resource, key: str) -> Observation:
        disk = get_or_none(self._compute, resource.name)
        if disk is None:
            return Observation(state=State.ABSENT)
        why = foreign_reason(disk, key) or self._notebook_exists(resource)
        if why:
            return Observation(state=State.FOREIGN, detail=why)
        return replace(state_of(disk), labelled=is_ours(disk.get("labels", {}), key))

    def _notebook_exists(self, resource: Resource) -> str:
        """A message if the disk's notebook still exists; '' if it does not."""
        notebook = notebook_of(resource.name)
        try:
            self._notebooks.get(f"v2/{notebook}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return ""
        return f"it belongs to {notebook}, which exists"


def foreign_reason(disk: Json, key: str) -> str:
    """Why the disk must not be touched for this person; '' if it is theirs and not attached."""
    labels = disk.get("labels", {})
    if not is_ours(labels, key) and not has_our_name(disk, key):
        return "it lacks our labels for this person"
    users = ", ".join(path_of(str(user)) for user in disk.get("users", []))
    return f"it is attached to {users}" if users else ""


def has_our_name(disk: Json, key: str) -> bool:
    """Whether it has the name of this person's disks and no label names another person."""
    name = str(disk.get("name", "")).removesuffix(DATA_DISK)
    return is_instance_id(name, key) and not names_another(disk.get("labels", {}), key)


def notebook_of(disk: str) -> str:
    """The full name of the notebook whose disk would have the full name ``disk``."""
    _, project, _, zone, _, name = disk.split("/")
    return f"projects/{project}/locations/{zone}/instances/{name.removesuffix(DATA_DISK)}"


def state_of(disk: Json) -> Observation:
    """The disk, regardless of its owner."""
    status = str(disk.get("status", "none"))
    state = _STATES.get(status)
    if state is None:
        message = f"a disk in the unknown status {status}; checking again later"
        problem = Problem(code="UNKNOWN_STATE", message=message, disposition=Disposition.TEMPORARY)
        return Observation(state=None, problem=problem)
    return Observation(state=state)
