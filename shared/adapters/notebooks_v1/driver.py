"""The driver of the two older kinds of notebook: each step in Notebooks v1.

One class for both kinds, which differ only in their service. Bodies of requests come from the
domain and are sent unchanged. It must not know how a call is made.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from shared.adapters.google_api.errors import from_rpc_status
from shared.adapters.google_api.fault_table import operation_fault
from shared.adapters.notebooks_v1.services import Json, NotebooksV1Service
from shared.adapters.notebooks_v1.states import observation_of, state_of
from shared.domain.faults import CloudFault
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

_Reader = Callable[[Json], Observation]


class NotebooksV1Driver:
    """One remote call per step and to observe an operation in progress.

    Two to observe a finished operation, and for a step that the API rejects. A notebook is never
    changed in place: the API supports few changes, and Google has ended these kinds.
    """

    def __init__(self, service: NotebooksV1Service) -> None:
        self.kind = service.kind
        self._service = service

    def observe(
        self, resource: Resource, key: str, email: str, manifest: Manifest | None
    ) -> Observation:
        """Read the operation, if there is one, and the notebook; drift is not determined."""

        def read(notebook: Json) -> Observation:
            return observation_of(self._service, notebook, resource, key, email)

        ours = resource.in_flight
        operation = self._service.operation(ours.operation) if ours and ours.operation else None
        if ours is None or operation is None:
            return self._observed(resource, read)
        if not operation["done"]:
            return Observation(state=ours.step.moving, operation=ours.operation)
        if operation["error"] is not None:
            return self._after_failure(operation["error"], resource, read)
        return replace(self._observed(resource, read), finished=True)

    def create(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Create ``resource.name``; if the name is taken, observe what has it.

        Google rejects every creation before it checks the name, so the notebook is read after
        FAILED_PRECONDITION, too.
        """
        try:
            operation = self._service.create(resource.name, manifest.body, request_id)
        except CloudFault as fault:
            if fault.code not in ("ALREADY_EXISTS", "FAILED_PRECONDITION"):
                raise
            notebook = self._service.get(resource.name)
            if notebook is None:
                raise
            return observation_of(self._service, notebook, resource, key, email)
        return Observation(state=State.CREATING, operation=operation)

    def update(
        self, resource: Resource, manifest: Manifest, key: str, email: str, request_id: str
    ) -> Observation:
        """Not supported: returns the current state."""
        return self._observed(
            resource, lambda n: observation_of(self._service, n, resource, key, email)
        )

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it."""
        return self._start_or_stop(resource, request_id, Step.START, target=State.READY)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it."""
        return self._start_or_stop(resource, request_id, Step.STOP, target=State.STOPPED)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Not supported: returns the current state."""
        return self._current(resource)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Not supported: without our labels it is never touched. Returns the current state."""
        return self._observed(
            resource, lambda n: observation_of(self._service, n, resource, key, email)
        )

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it with its disks."""
        try:
            operation = self._service.delete(resource.name, request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return Observation(state=State.DELETING, operation=operation)

    def consented(self, resource: Resource) -> bool | None:
        """None: the API knows no consent, the owner logs in inside the notebook."""
        return None

    def _current(self, resource: Resource) -> Observation:
        return self._observed(
            resource, lambda notebook: state_of(self._service, notebook, resource)
        )

    def _observed(self, resource: Resource, read: _Reader) -> Observation:
        notebook = self._service.get(resource.name)
        return Observation(state=State.ABSENT) if notebook is None else read(notebook)

    def _after_failure(self, error: Json, resource: Resource, read: _Reader) -> Observation:
        problem = operation_fault(from_rpc_status(error)).problem()
        remaining = self._observed(resource, read)
        if remaining.state is State.CREATING and resource.step is Step.CREATE:
            # No operation is in progress any more, so its creation will never finish.
            remaining = replace(
                remaining, state=State.BROKEN, detail="its creation failed half-way"
            )
        if remaining.state is None:
            return remaining
        return replace(remaining, problem=problem)

    def _start_or_stop(
        self, resource: Resource, request_id: str, step: Step, *, target: State
    ) -> Observation:
        call = self._service.start if step is Step.START else self._service.stop
        try:
            operation = call(resource.name, request_id)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code != "FAILED_PRECONDITION":
                raise
            seen = self._current(resource)
            if seen.state not in (target, step.moving):
                raise
            return seen
        return Observation(state=step.moving, operation=operation)
