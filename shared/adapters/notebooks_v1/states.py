"""Reads an ``Observation`` from the JSON of a notebook of Notebooks v1.

Its owner and its state. It must not make calls or know operations.
"""

from __future__ import annotations

from shared.adapters.notebooks_v1.services import Json, NotebooksV1Service
from shared.domain.faults import Disposition, Problem
from shared.domain.manifests.labels import is_ours
from shared.domain.people.person import same_address
from shared.domain.resources.kinds import Kind, State, Step
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

# Every state of both v1 enums but STATE_UNSPECIFIED; with the reason where it is not obvious.
_COMMON = {
    "ACTIVE": State.READY,
    "INITIALIZING": State.CREATING,
    "PROVISIONING": State.CREATING,  # installs software and proxy; also at a later start
    "STARTING": State.STARTING,
    "UPGRADING": State.STARTING,  # the VM is replaced and started again without our help
    "STOPPING": State.STOPPING,
    "STOPPED": State.STOPPED,
}
STATES = {
    Kind.MANAGED_NOTEBOOK: _COMMON | {"DELETING": State.DELETING},
    Kind.DATAPROC_HUB: _COMMON
    | {
        "REGISTERING": State.CREATING,  # with the proxy, so it can't be opened yet
        "SUSPENDING": State.STOPPING,
        "SUSPENDED": State.STOPPED,  # by somebody in Compute: nothing runs, the disk is kept
        "DELETED": State.BROKEN,  # also while it is being deleted; see ``state_of``
    },
}
_DELETED = "its VM was deleted in Compute; delete what remains of it"


def foreign_reason(service: NotebooksV1Service, notebook: Json, key: str, email: str) -> str:
    """Why ``notebook`` must not be touched for this person; '' if it is theirs.

    The API may not return the owner of an instance; then our labels for the person are enough.
    """
    if not is_ours(service.labels_of(notebook), key):
        return "it lacks our labels for this person"
    owner = service.owner_of(notebook)
    if owner is not None and not same_address(owner, email):
        return f"it belongs to {owner or 'nobody'}"
    return ""


def observation_of(
    service: NotebooksV1Service, notebook: Json, resource: Resource, key: str, email: str
) -> Observation:
    """The notebook if it is this person's; else FOREIGN, with the reason."""
    why = foreign_reason(service, notebook, key, email)
    if why:
        return Observation(state=State.FOREIGN, detail=why)
    return state_of(service, notebook, resource)


def state_of(service: NotebooksV1Service, notebook: Json, resource: Resource) -> Observation:
    """The notebook, regardless of its owner."""
    name = str(notebook.get("state", "STATE_UNSPECIFIED"))
    state = STATES[service.kind].get(name)
    if state is None:
        problem = Problem(
            code="UNKNOWN_STATE",
            message=f"{resource.name} is in the unknown state {name}; checking again later",
            disposition=Disposition.TEMPORARY,
        )
        return Observation(state=None, problem=problem)
    if state is State.CREATING and (resource.usage.was_ready or resource.step is Step.START):
        state = State.STARTING
    if name == "DELETED" and resource.step is Step.DELETE:
        return Observation(state=State.DELETING)  # as requested by us, still in progress
    return Observation(
        state=state,
        link=_link(service.link_of(notebook)) if state is State.READY else "",
        detail=_DELETED if name == "DELETED" else "",
    )


def _link(uri: str) -> str:
    """The proxy's address as a link; the API returns a host name only."""
    return uri if not uri or "://" in uri else f"https://{uri}"
