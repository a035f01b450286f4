"""Workbench instances: the Notebooks v2 API over REST.

Not google-cloud-notebooks: that client (1.18) can't say ``enableManagedEuc``. What
should be in an instance's body is the profiles' business; here it is only sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.adapters.errors import fault_of
from shared.adapters.rest import Rest
from shared.adapters.symptoms import Symptom, of_status
from shared.domain.faults import CloudFault, Fate, Problem
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.wants.labels import is_ours

Json = dict[str, Any]

# Every state of the v2 enum but STATE_UNSPECIFIED, each with the reason where it isn't plain.
_STATES = {
    "ACTIVE": State.READY,
    "INITIALIZING": State.CREATING,
    "PROVISIONING": State.CREATING,  # software and proxy are set up; also seen on a later start
    "STARTING": State.STARTING,
    "UPGRADING": State.STARTING,  # the VM is being replaced; it comes back by itself
    "STOPPING": State.STOPPING,
    "SUSPENDING": State.STOPPING,
    "STOPPED": State.STOPPED,
    "SUSPENDED": State.STOPPED,  # by hand, in Compute: nothing runs, the disk is kept
    "DELETED": State.BROKEN,  # the VM is gone but the name is still taken: delete what remains
    "ORPHANED": State.BROKEN,  # a failed upgrade lost the VM; the data disk is intact
}
_BROKEN = {
    "DELETED": "its VM was deleted behind its back; delete what remains of it",
    "ORPHANED": "an upgrade lost its VM, the data disk is intact: retry the upgrade or roll back",
}


class WorkbenchDriver:
    """One remote call for each step and for a look at a running operation.

    Two for a look at a finished one unless its answer tells all, and for a step that finds things
    other than expected.
    """

    kind = Kind.WORKBENCH

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def observe(self, resource: Resource, key: str, email: str) -> Observation:
        """Look at the operation, if there is one, and at the instance if that tells too little."""

        def judge(instance: Json) -> Observation:
            return _judged(instance, resource, key, email)

        if not resource.operation:
            return self._look(resource, judge)
        try:
            operation = self._rest.get(f"v2/{resource.operation}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return self._look(resource, judge)  # operations are forgotten after a while
        if not operation.get("done"):
            return self._still_moving(operation, resource, judge)
        if operation.get("error"):
            return self._after_failure(operation["error"], resource, judge)
        response = operation.get("response") or {}
        if response.get("name") == resource.name:
            seen = judge(response)
            if seen.state is not None and not seen.state.is_moving:
                return seen
        return self._look(resource, judge)

    def create(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Ask for ``resource.name``; if it is there already, answer as a look would."""
        parent, _, instance_id = resource.name.rpartition("/instances/")
        try:
            operation = self._rest.post(
                f"v2/{parent}/instances", want.body, instanceId=instance_id, requestId=request_id
            )
        except CloudFault as fault:
            if fault.code != "ALREADY_EXISTS":
                raise
            return self._look(resource, lambda found: _judged(found, resource, key, email))
        return _begun(operation, State.CREATING)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Change nothing: an instance somebody works in is not altered under their hands.

        What a move to another profile means for a notebook is a step of its own, not this one.
        """
        return self.observe(resource, key, email)

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it. The API takes no request id here; starting what runs changes nothing."""
        return self._switch(resource, "start", State.STARTING, fine=State.READY)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it. The API takes no request id here; stopping what is stopped changes nothing."""
        return self._switch(resource, "stop", State.STOPPING, fine=State.STOPPED)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it, with its disks."""
        try:
            operation = self._rest.delete(f"v2/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return _begun(operation, State.DELETING)

    def _look(self, resource: Resource, judge: Callable[[Json], Observation]) -> Observation:
        try:
            instance = self._rest.get(f"v2/{resource.name}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return Observation(state=State.ABSENT)
        return judge(instance)

    def _still_moving(
        self, operation: Json, resource: Resource, judge: Callable[[Json], Observation]
    ) -> Observation:
        name = resource.operation
        state = resource.under_way.moving if resource.under_way is not None else None
        if state is None and resource.state.is_moving:
            state = resource.state
        if state is None:  # an operation we don't remember the reason of
            seen = self._look(resource, judge)
            return Observation(state=seen.state, problem=seen.problem, operation=name)
        return Observation(state=state, operation=name)

    def _after_failure(
        self, error: Json, resource: Resource, judge: Callable[[Json], Observation]
    ) -> Observation:
        problem = fault_of(of_status(error), changes=False).problem()
        left = self._look(resource, judge)
        state, detail = left.state, left.detail
        if state is State.CREATING and resource.under_way is Step.CREATE:
            # Nothing is at work on it any more: it would stay half made for ever.
            state, detail = State.BROKEN, "its creation failed half-way"
        return Observation(state=state, problem=problem, link=left.link, detail=detail)

    def _switch(self, resource: Resource, verb: str, moving: State, *, fine: State) -> Observation:
        try:
            operation = self._rest.post(f"v2/{resource.name}:{verb}", {})
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code != "FAILED_PRECONDITION":
                raise
            seen = self._look(resource, lambda found: _state_of(found, resource))
            if seen.state not in (fine, moving):
                raise
            return seen
        return _begun(operation, moving)


def _begun(operation: Json, state: State) -> Observation:
    name = operation.get("name")
    if not isinstance(name, str) or not name:
        symptom = Symptom(status="NO_ANSWER", message="an answer that names no operation")
        raise fault_of(symptom, changes=True)
    return Observation(state=state, operation=name)


def _judged(instance: Json, resource: Resource, key: str, email: str) -> Observation:
    """What is there, if it is this person's; else FOREIGN, and how we tell."""
    if not is_ours(instance.get("labels", {}), key):
        return Observation(state=State.FOREIGN, detail="it lacks our labels for this person")
    owners = instance.get("instanceOwners", [])
    if owners != [email]:
        shown = ", ".join(map(str, owners)) or "nobody"
        return Observation(state=State.FOREIGN, detail=f"it belongs to {shown}")
    return _state_of(instance, resource)


def _state_of(instance: Json, resource: Resource) -> Observation:
    said = str(instance.get("state", "STATE_UNSPECIFIED"))
    state = _STATES.get(said)
    if state is None:
        problem = Problem(
            code="UNKNOWN_STATE",
            message=f"{resource.name} is in state {said}, which says nothing; looking again later",
            fate=Fate.TEMPORARY,
        )
        return Observation(state=None, problem=problem)
    again = resource.was_ready or resource.under_way is Step.START
    if state is State.CREATING and again:
        state = State.STARTING
    link = _link(instance) if state is State.READY else ""
    return Observation(state=state, link=link, detail=_BROKEN.get(said, ""))


def _link(instance: Json) -> str:
    """The proxy's address as a link; the API gives a bare host name."""
    uri = str(instance.get("proxyUri", ""))
    return uri if not uri or "://" in uri else f"https://{uri}"
