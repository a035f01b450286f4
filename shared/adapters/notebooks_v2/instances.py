"""What the JSON of a Workbench instance (Notebooks v2) says, as an ``Observation``.

Only reading: whose it is, what state it is in, how it differs from what is wanted. It must not know
calls, steps or operations.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.adapters.notebooks_v2.drift import drift_of
from shared.domain.faults import Fate, Problem
from shared.domain.person import same_address
from shared.domain.resources import Observation, Resource, State, Step, Want
from shared.domain.wants.labels import is_ours, names_another
from shared.domain.wants.workbench import instance_id

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


def judged(
    instance: Json, resource: Resource, key: str, email: str, want: Want | None
) -> Observation:
    """What is there, if it is this person's; else FOREIGN, and how we tell.

    With ``want``, compared with it, unless the cloud is at work on it.
    """
    why = stranger(instance, key, email)
    if why:
        return Observation(state=State.FOREIGN, detail=why)
    labelled = is_ours(instance.get("labels", {}), key)
    seen = replace(state_of(instance, resource), labelled=labelled)
    if want is None or seen.state is None or seen.state.is_moving:
        return seen
    return replace(seen, drift=drift_of(want.body, instance, resource.written))


def stranger(instance: Json, key: str, email: str) -> str:
    """Why the notebook is not to be touched on behalf of this person; '' if it is theirs.

    Labels are lost easily: ``gcloud workbench instances update --labels`` replaces them all. So one
    that bears our name and belongs to the person is theirs as long as no label says otherwise.
    """
    labels = instance.get("labels", {})
    if not is_ours(labels, key) and (
        not bears_our_name(instance, key) or names_another(labels, key)
    ):
        return "it lacks our labels for this person"
    if not is_owned_by(instance, email):
        owners = ", ".join(map(str, instance.get("instanceOwners", [])))
        return f"it belongs to {owners or 'nobody'}"
    return ""


def bears_our_name(instance: Json, key: str) -> bool:
    """Whether it has the name that we give to the notebook of the person of ``key``."""
    return str(instance.get("name", "")).rpartition("/")[2] == instance_id(key)


def is_owned_by(instance: Json, email: str) -> bool:
    """Whether the person is its one owner."""
    owners = instance.get("instanceOwners", [])
    return len(owners) == 1 and same_address(str(owners[0]), email)


def state_of(instance: Json, resource: Resource) -> Observation:
    """What is there, whosever it is."""
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
    return Observation(
        state=state,
        link=_link(instance) if state is State.READY else "",
        detail=_BROKEN.get(said, ""),
        protected=is_protected(instance),
    )


def is_protected(instance: Json) -> bool:
    """Whether it can't be deleted until somebody lets it."""
    return bool(instance.get("enableDeletionProtection"))


def _link(instance: Json) -> str:
    """The proxy's address as a link; the API gives a bare host name."""
    uri = str(instance.get("proxyUri", ""))
    return uri if not uri or "://" in uri else f"https://{uri}"
