"""The driver of an older kind of notebook: what each step means in Notebooks v1.

One class for both kinds, which differ only in their service. What should be in a notebook's body is
the profiles' business; it must not know how a call is made.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from shared.adapters.google_api.errors import of_status
from shared.adapters.google_api.fault_table import end_of
from shared.adapters.notebooks_v1.services import Json, OlderService
from shared.adapters.notebooks_v1.states import judged, state_of
from shared.domain.faults import CloudFault
from shared.domain.resources import Observation, Resource, State, Step, Want

_Judge = Callable[[Json], Observation]


class OlderDriver:
    """One remote call for each step and for a look at a running operation.

    Two for a look at a finished one, and for a step that finds things other than expected. Nothing
    of a notebook is ever changed in place: the API offers little, and these kinds are at their end.
    """

    def __init__(self, service: OlderService) -> None:
        self.kind = service.kind
        self._service = service

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """Look at the operation, if there is one, then at the notebook; drift is not looked for."""

        def judge(notebook: Json) -> Observation:
            return judged(self._service, notebook, resource, key, email)

        operation = self._service.operation(resource.operation) if resource.operation else None
        if operation is None:
            return self._look(resource, judge)
        if not operation["done"]:
            return self._still_moving(resource, judge)
        if operation["error"] is not None:
            return self._after_failure(operation["error"], resource, judge)
        return replace(self._look(resource, judge), finished=True)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Ask for ``resource.name``; if it is there already, answer as a look would.

        Google refuses every creation before it looks whether there is one of that name, so what has
        been there since before the end is found by a look, too.
        """
        try:
            operation = self._service.create(resource.name, want.body, request_id)
        except CloudFault as fault:
            if fault.code not in ("ALREADY_EXISTS", "FAILED_PRECONDITION"):
                raise
            notebook = self._service.get(resource.name)
            if notebook is None:
                raise
            return judged(self._service, notebook, resource, key, email)
        return Observation(state=State.CREATING, operation=operation)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """It is never altered: only answers what is there."""
        return self._look(resource, lambda n: judged(self._service, n, resource, key, email))

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it."""
        return self._switch(resource, request_id, Step.START, fine=State.READY)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it."""
        return self._switch(resource, request_id, Step.STOP, fine=State.STOPPED)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """The API knows no such thing: only answers what is there."""
        return self._there(resource)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """The API knows no such thing: only answers what is there."""
        return self._there(resource)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Without our labels it is left alone: only answers what is there."""
        return self._look(resource, lambda n: judged(self._service, n, resource, key, email))

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it, with its disks."""
        try:
            operation = self._service.delete(resource.name, request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return Observation(state=State.DELETING, operation=operation)

    def consented(self, resource: Resource) -> bool | None:
        """Its owner logs in inside it; the API has nothing to ask."""
        return None

    def _there(self, resource: Resource) -> Observation:
        return self._look(resource, lambda notebook: state_of(self._service, notebook, resource))

    def _look(self, resource: Resource, judge: _Judge) -> Observation:
        notebook = self._service.get(resource.name)
        return Observation(state=State.ABSENT) if notebook is None else judge(notebook)

    def _still_moving(self, resource: Resource, judge: _Judge) -> Observation:
        state = resource.under_way.moving if resource.under_way is not None else resource.state
        if not state.is_moving:  # an operation we don't remember the reason of
            seen = self._look(resource, judge)
            return Observation(state=seen.state, problem=seen.problem, operation=resource.operation)
        return Observation(state=state, operation=resource.operation)

    def _after_failure(self, error: Json, resource: Resource, judge: _Judge) -> Observation:
        problem = end_of(of_status(error)).problem()
        left = self._look(resource, judge)
        if left.state is State.CREATING and resource.under_way is Step.CREATE:
            # Nothing is at work on it any more: it would stay half made for ever.
            left = replace(left, state=State.BROKEN, detail="its creation failed half-way")
        if left.state is None:
            return left
        return replace(left, problem=problem)

    def _switch(
        self, resource: Resource, request_id: str, step: Step, *, fine: State
    ) -> Observation:
        ask = self._service.start if step is Step.START else self._service.stop
        try:
            operation = ask(resource.name, request_id)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code != "FAILED_PRECONDITION":
                raise
            seen = self._there(resource)
            if seen.state not in (fine, step.moving):
                raise
            return seen
        return Observation(state=step.moving, operation=operation)
