"""Reads an ``Observation`` from the JSON of a Workbench instance (Notebooks v2).

Its owner, its state, and how it differs from the manifest. It must not make calls or know
operations.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from shared.adapters.notebooks_v2.drift import drift_of
from shared.adapters.notebooks_v2.fingerprint import instance_fingerprint
from shared.domain.faults import Disposition, Problem
from shared.domain.manifests.labels import is_ours, other_person
from shared.domain.manifests.workbench import is_instance_id
from shared.domain.people.person import same_address
from shared.domain.resources.kinds import State, Step
from shared.domain.resources.manifest import Manifest
from shared.domain.resources.observation import Observation
from shared.domain.resources.resource import Resource

Json = dict[str, Any]

# Every state of the v2 enum but STATE_UNSPECIFIED; with the reason where it is not obvious.
_STATES = {
    "ACTIVE": State.READY,
    "INITIALIZING": State.CREATING,
    "PROVISIONING": State.CREATING,  # installs software and proxy; also at a later start
    "STARTING": State.STARTING,
    "UPGRADING": State.STARTING,  # the VM is replaced and started again without our help
    "STOPPING": State.STOPPING,
    "SUSPENDING": State.STOPPING,
    "STOPPED": State.STOPPED,
    "SUSPENDED": State.STOPPED,  # by somebody in Compute: nothing runs, the disk is kept
    "DELETED": State.BROKEN,  # the VM was deleted, the instance still exists: delete that, too
    "ORPHANED": State.BROKEN,  # a failed upgrade lost the VM; the data disk is intact
}
_BROKEN = {
    "DELETED": "its VM was deleted in Compute; delete what remains of it",
    "ORPHANED": "an upgrade lost its VM, the data disk is intact: retry the upgrade or roll back",
}


def observation_of(
    instance: Json, resource: Resource, key: str, email: str, manifest: Manifest | None
) -> Observation:
    """The instance if it is this person's; else FOREIGN, with the reason.

    With ``manifest``, including the drift from it, unless a change is in progress.
    """
    why = foreign_reason(instance, key, email)
    if why:
        fingerprint = instance_fingerprint(instance)
        return Observation(state=State.FOREIGN, detail=why, fingerprint=fingerprint)
    labelled = is_ours(instance.get("labels", {}), key)
    seen = replace(state_of(instance, resource), labelled=labelled)
    if manifest is None or seen.state is None or seen.state.is_moving:
        return seen
    return replace(seen, drift=drift_of(manifest.body, instance, resource.settings.written))


def foreign_reason(instance: Json, key: str, email: str) -> str:
    """Why the notebook must not be touched for this person; '' if it is theirs.

    Labels are lost easily: ``gcloud workbench instances update --labels`` replaces all of them. So
    a notebook with our name whose only owner is the person is theirs, whatever its labels say: it
    must not run on when they leave.
    """
    if not is_ours(instance.get("labels", {}), key) and not has_our_name(instance, key):
        return "it lacks our labels for this person"
    if not is_owned_by(instance, email):
        owners = ", ".join(map(str, instance.get("instanceOwners", [])))
        return f"it belongs to {owners or 'nobody'}"
    return ""


def has_our_name(instance: Json, key: str) -> bool:
    """Whether it has the name that we give to the notebook of the person with ``key``."""
    return is_instance_id(str(instance.get("name", "")).rpartition("/")[2], key)


def is_owned_by(instance: Json, email: str) -> bool:
    """Whether the person is its only owner."""
    owners = instance.get("instanceOwners", [])
    return len(owners) == 1 and same_address(str(owners[0]), email)


def labelled_for(instance: Json, key: str, email: str) -> str:
    """The key of somebody else in our labels, though the person is its only owner; else ''.

    Also '' if it has our name for the person: then it is theirs.
    """
    if not is_owned_by(instance, email) or has_our_name(instance, key):
        return ""
    return other_person(instance.get("labels", {}), key)


def known_state(instance: Json) -> State | None:
    """Its state as the API shows it; None if that is none we know."""
    return _STATES.get(_state_name(instance))


def state_of(instance: Json, resource: Resource) -> Observation:
    """The instance, regardless of its owner."""
    name = _state_name(instance)
    state = known_state(instance)
    if state is None:
        problem = Problem(
            code="UNKNOWN_STATE",
            message=f"{resource.name} is in the unknown state {name}; checking again later",
            disposition=Disposition.TEMPORARY,
        )
        return Observation(state=None, problem=problem, fingerprint=instance_fingerprint(instance))
    was_created = resource.usage.was_ready or resource.step is Step.START
    if state is State.CREATING and was_created:
        state = State.STARTING
    return Observation(
        state=state,
        link=_link(instance) if state is State.READY else "",
        detail=_BROKEN.get(name, ""),
        protected=is_protected(instance),
        fingerprint=instance_fingerprint(instance),
    )


def is_protected(instance: Json) -> bool:
    """Whether its deletion protection is on."""
    return bool(instance.get("enableDeletionProtection"))


def _state_name(instance: Json) -> str:
    return str(instance.get("state", "STATE_UNSPECIFIED"))


def _link(instance: Json) -> str:
    """The proxy's address as a link; the API returns a host name only."""
    uri = str(instance.get("proxyUri", ""))
    return uri if not uri or "://" in uri else f"https://{uri}"
