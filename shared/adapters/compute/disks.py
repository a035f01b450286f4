"""Disks left behind by deleted Workbench instances: the Compute Engine v1 API over REST.

They are only observed and deleted. The caller makes sure that the work on a disk is kept elsewhere
before it deletes one.
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
from shared.domain.resources import Kind, Observation, Resource, State, Want
from shared.domain.wants.labels import is_ours, names_another
from shared.domain.wants.snapshot import DATA_DISK
from shared.domain.wants.workbench import instance_id

Json = dict[str, Any]

# Every status of the enum.
_STATES = {
    "CREATING": State.CREATING,
    "RESTORING": State.CREATING,  # from a snapshot; not ready before
    "READY": State.READY,
    "UNAVAILABLE": State.READY,  # for now; it is there all the same
    "FAILED": State.BROKEN,
    "DELETING": State.DELETING,
}


class DiskDriver(Plain):
    """One remote call for a deletion, and to observe a disk that isn't ours or is in use; else two.

    A disk belongs to the person by our labels, or by the name of the notebook that we make for
    them (the API's documents don't say whether an instance's labels reach its disks). It is left
    alone as long as a machine uses it or the notebook of its name exists: an instance that lost its
    machine (ORPHANED) still has its data there.
    """

    kind = Kind.DISK

    def __init__(self, compute: Rest, notebooks: Rest) -> None:
        self._compute = compute
        self._notebooks = notebooks

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """Look at the operation, if there is one, and at the disk once that has ended."""
        operation = found(self._compute, resource.operation) if resource.operation else None
        if operation is not None and operation.get("status") != "DONE":
            return Observation(state=State.DELETING, operation=resource.operation)
        seen = self._look(resource, key)
        if operation is None:
            return seen
        if operation.get("error"):
            problem = end_of(of_compute(operation)).problem()
            return replace(seen, problem=problem)
        return replace(seen, finished=True)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Disks are created with their notebook: only observes the disk."""
        return self._look(resource, key)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """A disk is never changed: only observes it."""
        return self._look(resource, key)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete the disk and its contents; the API refuses while a machine uses it."""
        try:
            operation = self._compute.delete(f"{ROOT}/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        zone, _, _ = resource.name.rpartition("/disks/")
        return begun(operation, zone, State.DELETING)

    def _there(self, resource: Resource) -> Observation:
        disk = found(self._compute, resource.name)
        return Observation(state=State.ABSENT) if disk is None else _state_of(disk)

    def _look(self, resource: Resource, key: str) -> Observation:
        disk = found(self._compute, resource.name)
        if disk is None:
            return Observation(state=State.ABSENT)
        why = stranger(disk, key) or self._in_use(resource)
        if why:
            return Observation(state=State.FOREIGN, detail=why)
        return replace(_state_of(disk), labelled=is_ours(disk.get("labels", {}), key))

    def _in_use(self, resource: Resource) -> str:
        """Return that the disk's notebook still exists; '' if it doesn't."""
        notebook = notebook_of(resource.name)
        try:
            self._notebooks.get(f"v2/{notebook}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return ""
        return f"it belongs to {notebook}, which exists"


def stranger(disk: Json, key: str) -> str:
    """Why the disk is not to be touched on behalf of this person; '' if it is theirs and unused."""
    labels = disk.get("labels", {})
    if not is_ours(labels, key) and not bears_our_name(disk, key):
        return "it lacks our labels for this person"
    users = ", ".join(path_of(str(user)) for user in disk.get("users", []))
    return f"it is attached to {users}" if users else ""


def bears_our_name(disk: Json, key: str) -> bool:
    """Whether it has the name of this person's disks, and no label names another person."""
    name = str(disk.get("name", "")).removesuffix(DATA_DISK)
    return name == instance_id(key) and not names_another(disk.get("labels", {}), key)


def notebook_of(disk: str) -> str:
    """The full name of the notebook to which a disk (its full name) belongs, by its name."""
    _, project, _, zone, _, name = disk.split("/")
    return f"projects/{project}/locations/{zone}/instances/{name.removesuffix(DATA_DISK)}"


def _state_of(disk: Json) -> Observation:
    said = str(disk.get("status", "none"))
    state = _STATES.get(said)
    if state is None:
        message = f"a disk in status {said}, which says nothing; looking again later"
        problem = Problem(code="UNKNOWN_STATE", message=message, fate=Fate.TEMPORARY)
        return Observation(state=None, problem=problem)
    return Observation(state=state)
