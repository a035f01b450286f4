"""The driver of Workbench instances: the Notebooks v2 API over REST.

The client google-cloud-notebooks (1.18) lacks ``enableManagedEuc``, ``enableDeletionProtection``
and ``restore``. Bodies of instances come from the domain and are sent unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from shared.adapters.google_api.errors import ApiError, from_rpc_status
from shared.adapters.google_api.fault_table import fault_of, operation_fault
from shared.adapters.google_api.rest import Rest
from shared.adapters.google_api.timestamps import parsed_time
from shared.adapters.notebooks_v2.instances import is_protected, observation_of, state_of
from shared.adapters.notebooks_v2.operations import (
    latest_operation,
    may_be_running,
    running_operation,
    started_since,
)
from shared.adapters.notebooks_v2.patch import patch_of
from shared.adapters.notebooks_v2.rejections import (
    deletion_protected,
    name_taken,
    snapshot_missing,
)
from shared.domain.faults import CloudFault
from shared.domain.manifests.labels import ownership
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

Json = dict[str, Any]
_Reader = Callable[[Json], Observation]


class WorkbenchDriver:
    """One remote call per step and to observe an operation in progress.

    Two to observe a finished operation whose response is not enough, for an update (read, then
    write), and for a step that the API rejects. Before a restore the instance is read, too, and the
    operations of the zone are listed, one call per page; so are they after a lost answer.
    """

    kind = Kind.WORKBENCH

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read the operation, if there is one, and the instance if the operation is not enough."""

        def read(instance: Json) -> Observation:
            return observation_of(instance, resource, key, email, manifest)

        operation = self._operation_of(resource)
        if operation is None:
            return self._observed(resource, read)
        if not operation.get("done"):
            name = str(operation["name"])
            if resource.step is not None:
                return Observation(state=resource.step.moving, operation=name)
            return replace(self._observed(resource, read), operation=name)
        if operation.get("error"):
            return self._after_failure(operation["error"], resource, read)
        response = operation.get("response") or {}
        # A repeated request id returns its first operation, which is old if the record was lost.
        is_recent = started_since(operation, resource.since)
        if is_recent and response.get("name") == resource.name:
            seen = read(response)
            if seen.state is not None and not seen.state.is_moving:
                return replace(seen, finished=True)
        return replace(self._observed(resource, read), finished=True)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Create ``resource.name``; if the name is taken, observe what has it."""
        parent, _, instance_id = resource.name.rpartition("/instances/")
        try:
            operation = self._rest.post(
                f"v2/{parent}/instances",
                manifest.body,
                instanceId=instance_id,
                requestId=request_id,
            )
        except CloudFault as fault:
            if fault.code != "ALREADY_EXISTS":
                raise
            seen = self._observed(
                resource, lambda found: observation_of(found, resource, key, email, None)
            )
            if seen.state is State.ABSENT:
                raise name_taken(resource, fault) from fault
            return seen
        return _started(operation, State.CREATING)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Change what differs and can be changed in its state: a machine type only when stopped.

        Read, merge, write. The API has no precondition, so what somebody else changes between the
        two calls is lost.
        """
        instance = self._instance(resource)
        if instance is None:
            return Observation(state=State.ABSENT)
        seen = observation_of(instance, resource, key, email, manifest)
        if seen.state not in (State.READY, State.STOPPED):
            return seen
        at_rest = seen.state is State.STOPPED
        mask, patch = patch_of(manifest.body, instance, resource.settings.written, at_rest=at_rest)
        if not mask:
            return seen
        return self._patch(resource, mask, patch, request_id)

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it. The API takes no request id; starting a running instance changes nothing."""
        return self._start_or_stop(resource, "start", State.STARTING, target=State.READY)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it. The API takes no request id; stopping a stopped instance changes nothing."""
        return self._start_or_stop(resource, "stop", State.STOPPING, target=State.STOPPED)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Restore its data disk from the snapshot, unless that was done since its creation.

        The API takes no request id, and the instance does not show a restore: its operations do. A
        record that was brought back from a backup may ask for it again, and it would overwrite what
        the owner has done since.
        """
        instance = self._instance(resource)
        if instance is None:
            return Observation(state=State.ABSENT)
        earlier = self._restore_since_creation(instance)
        if earlier is not None:
            return _started(earlier, State.RESTORING)
        _, project, _, _, snapshot = resource.data.restore_from.split("/")
        source = {"projectId": project, "snapshotId": snapshot}
        try:
            operation = self._rest.post(f"v2/{resource.name}:restore", {"snapshot": source})
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            if self._instance(resource) is None:
                return Observation(state=State.ABSENT)
            raise snapshot_missing(resource) from fault
        return _started(operation, State.RESTORING)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Set or lift the deletion protection; the caller decides whether it may be lifted."""
        # Not among the paths in the method's description, but no other method sets the field.
        patch = {"enableDeletionProtection": on}
        return self._patch(resource, ["enable_deletion_protection"], patch, request_id)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Restore our labels; others' labels are kept."""
        instance = self._instance(resource)
        if instance is None:
            return Observation(state=State.ABSENT)
        seen = observation_of(instance, resource, key, email, None)
        is_moving = seen.state is not None and seen.state.is_moving
        if seen.state in (None, State.FOREIGN) or is_moving or seen.labelled:
            return seen
        labels = instance.get("labels", {}) | ownership(key)
        return self._patch(resource, ["labels"], {"labels": labels}, request_id)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it with its disks."""
        try:
            operation = self._rest.delete(f"v2/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code == "FAILED_PRECONDITION":
                instance = self._instance(resource)
                if instance is not None and is_protected(instance):
                    raise deletion_protected(resource, fault) from fault
            raise
        return _started(operation, State.DELETING)

    def consented(self, resource: Resource) -> bool | None:
        """Whether tokens can be issued for its owner; None if no consent is needed."""
        answer = self._rest.ask(f"v2/{resource.name}:checkAuthorization", {})
        if answer.get("success"):
            return True
        return False if answer.get("oauth_uri") else None

    def _operation_of(self, resource: Resource) -> Json | None:
        """The current state of the operation; None if there is none or Google has deleted it."""
        if resource.operation:
            try:
                return self._rest.get(f"v2/{resource.operation}")
            except CloudFault as fault:
                if fault.code != "NOT_FOUND":
                    raise
        # The instance does not show a restore, so it must not be requested again while the first
        # may have been executed.
        if resource.step is Step.RESTORE and resource.since is not None:
            return latest_operation(self._rest, resource.name, "restore", resource.since)
        # Nor does it show other changes in progress, so operations are read before the instance.
        return running_operation(self._rest, resource.name) if may_be_running(resource) else None

    def _restore_since_creation(self, instance: Json) -> Json | None:
        """The last restore of the instance, in progress or done; None if there was none, or if it
        failed."""
        created = parsed_time(instance.get("createTime"))
        if created is None:
            return None
        operation = latest_operation(self._rest, str(instance["name"]), "restore", created)
        return None if operation is None or operation.get("error") else operation

    def _instance(self, resource: Resource) -> Json | None:
        try:
            return self._rest.get(f"v2/{resource.name}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def _observed(self, resource: Resource, read: _Reader) -> Observation:
        instance = self._instance(resource)
        return Observation(state=State.ABSENT) if instance is None else read(instance)

    def _after_failure(self, error: Json, resource: Resource, read: _Reader) -> Observation:
        problem = operation_fault(from_rpc_status(error)).problem()
        remaining = replace(self._observed(resource, read), problem=problem)
        if remaining.state is State.CREATING and resource.step is Step.CREATE:
            # No operation is in progress any more, so its creation will never finish.
            return replace(remaining, state=State.BROKEN, detail="its creation failed half-way")
        return remaining

    def _start_or_stop(
        self, resource: Resource, verb: str, moving: State, *, target: State
    ) -> Observation:
        try:
            operation = self._rest.post(f"v2/{resource.name}:{verb}", {})
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code != "FAILED_PRECONDITION":
                raise
            seen = self._observed(resource, lambda found: state_of(found, resource))
            if seen.state not in (target, moving):
                raise
            return seen
        return _started(operation, moving)

    def _patch(
        self, resource: Resource, mask: list[str], patch: Json, request_id: str
    ) -> Observation:
        try:
            operation = self._rest.patch(
                f"v2/{resource.name}", patch, updateMask=",".join(mask), requestId=request_id
            )
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return _started(operation, State.UPDATING)


def _started(operation: Json, state: State) -> Observation:
    name = operation.get("name")
    if not isinstance(name, str) or not name:
        error = ApiError(status="NO_ANSWER", message="an answer that names no operation")
        raise fault_of(error, changes=True)
    return Observation(state=state, operation=name)
