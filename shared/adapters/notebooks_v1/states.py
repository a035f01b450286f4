"""What the JSON of an older notebook (Notebooks v1) says, as an ``Observation``.

Only reading: whose it is, and what state it is in. It must not know calls, steps to take or
operations.
"""

from __future__ import annotations

from shared.adapters.notebooks_v1.services import Json, OlderService
from shared.domain.faults import Fate, Problem
from shared.domain.person import same_address
from shared.domain.resources import Kind, Observation, Resource, State, Step
from shared.domain.wants.labels import is_ours

# Every state of both v1 enums but STATE_UNSPECIFIED, with the reason where it isn't plain.
_COMMON = {
    "ACTIVE": State.READY,
    "INITIALIZING": State.CREATING,
    "PROVISIONING": State.CREATING,  # software and proxy are set up; also seen on a later start
    "STARTING": State.STARTING,
    "UPGRADING": State.STARTING,  # the machine is being replaced; it comes back by itself
    "STOPPING": State.STOPPING,
    "STOPPED": State.STOPPED,
}
STATES = {
    Kind.MANAGED_NOTEBOOK: _COMMON | {"DELETING": State.DELETING},
    Kind.DATAPROC_HUB: _COMMON
    | {
        "REGISTERING": State.CREATING,  # with the proxy, so nobody gets in yet
        "SUSPENDING": State.STOPPING,
        "SUSPENDED": State.STOPPED,  # by hand, in Compute: nothing runs, the disk is kept
        "DELETED": State.BROKEN,  # no state says "being deleted"; see ``state_of``
    },
}
_DELETED = "its VM was deleted behind its back; delete what remains of it"


def stranger(service: OlderService, notebook: Json, key: str, email: str) -> str:
    """Why ``notebook`` is not to be touched on behalf of this person; '' if it is theirs.

    The owner of an instance may not be shown: then our labels for this very person suffice.
    """
    if not is_ours(service.labels_of(notebook), key):
        return "it lacks our labels for this person"
    owner = service.owner_of(notebook)
    if owner is not None and not same_address(owner, email):
        return f"it belongs to {owner or 'nobody'}"
    return ""


def judged(
    service: OlderService, notebook: Json, resource: Resource, key: str, email: str
) -> Observation:
    """What is there, if it is this person's; else FOREIGN, and how we tell."""
    why = stranger(service, notebook, key, email)
    if why:
        return Observation(state=State.FOREIGN, detail=why)
    return state_of(service, notebook, resource)


def state_of(service: OlderService, notebook: Json, resource: Resource) -> Observation:
    """What is there, whosever it is."""
    said = str(notebook.get("state", "STATE_UNSPECIFIED"))
    state = STATES[service.kind].get(said)
    if state is None:
        problem = Problem(
            code="UNKNOWN_STATE",
            message=f"{resource.name} is in state {said}, which says nothing; looking again later",
            fate=Fate.TEMPORARY,
        )
        return Observation(state=None, problem=problem)
    if state is State.CREATING and (resource.was_ready or resource.under_way is Step.START):
        state = State.STARTING
    if said == "DELETED" and resource.under_way is Step.DELETE:
        return Observation(state=State.DELETING)  # what we asked for, not yet at its end
    return Observation(
        state=state,
        link=_link(service.link_of(notebook)) if state is State.READY else "",
        detail=_DELETED if said == "DELETED" else "",
    )


def _link(uri: str) -> str:
    """The proxy's address as a link; the API gives a bare host name."""
    return uri if not uri or "://" in uri else f"https://{uri}"
