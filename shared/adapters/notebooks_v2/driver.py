"""Workbench instances: the Notebooks v2 API over REST.

Not google-cloud-notebooks: that client (1.18) can say neither ``enableManagedEuc`` nor
``enableDeletionProtection``, and knows no ``restore``. What should be in an instance's body is the
profiles' business; here it is only sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from shared.adapters.google_api.errors import Symptom, of_status
from shared.adapters.google_api.fault_table import end_of, fault_of
from shared.adapters.google_api.rest import Rest
from shared.adapters.notebooks_v2.instances import is_protected, judged, state_of
from shared.adapters.notebooks_v2.operations import began_since, lost_operation, running_operation
from shared.adapters.notebooks_v2.patch import patch_of
from shared.domain.faults import CloudFault, Fate
from shared.domain.resources import Kind, Observation, Resource, State, Step, Want
from shared.domain.wants.labels import ownership

Json = dict[str, Any]
_Judge = Callable[[Json], Observation]


class WorkbenchDriver:
    """One remote call for each step and for a look at a running operation.

    Two for a look at a finished one unless its answer tells all, for an update, which reads before
    it writes, and for a step that finds things other than expected. A step whose answer was lost is
    looked for in the zone's operations, page by page.
    """

    kind = Kind.WORKBENCH

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def observe(self, resource: Resource, key: str, email: str, want: Want | None) -> Observation:
        """Look at the operation, if there is one, and at the instance if that tells too little."""

        def judge(instance: Json) -> Observation:
            return judged(instance, resource, key, email, want)

        operation = self._operation_of(resource)
        if operation is None:
            return self._look(resource, judge)
        if not operation.get("done"):
            name = str(operation["name"])
            if resource.operation or resource.under_way is not None:
                return self._still_moving(name, resource, judge)
            return replace(self._look(resource, judge), operation=name)
        if operation.get("error"):
            return self._after_failure(operation["error"], resource, judge)
        response = operation.get("response") or {}
        # The answer to a repeated request may be an operation of long ago, before a state was lost.
        is_recent = began_since(operation, resource.since)
        if is_recent and response.get("name") == resource.name:
            seen = judge(response)
            if seen.state is not None and not seen.state.is_moving:
                return replace(seen, finished=True)
        return replace(self._look(resource, judge), finished=True)

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
            seen = self._look(resource, lambda found: judged(found, resource, key, email, None))
            if seen.state is State.ABSENT:
                raise _name_taken(resource, fault) from fault
            return seen
        return _begun(operation, State.CREATING)

    def update(
        self, resource: Resource, want: Want, key: str, email: str, request_id: str
    ) -> Observation:
        """Change what differs and can be changed as it is: a machine type on what is stopped only.

        Read, merge, write: the API has no condition to send along, so what somebody else changes
        between our two calls is lost; the next look brings ours and theirs together.
        """
        instance = self._instance(resource)
        if instance is None:
            return Observation(state=State.ABSENT)
        seen = judged(instance, resource, key, email, want)
        if seen.state not in (State.READY, State.STOPPED):
            return seen
        at_rest = seen.state is State.STOPPED
        mask, patch = patch_of(want.body, instance, resource.written, at_rest=at_rest)
        if not mask:
            return seen
        return self._patch(resource, mask, patch, request_id)

    def start(self, resource: Resource, request_id: str) -> Observation:
        """Start it. The API takes no request id here; starting what runs changes nothing."""
        return self._switch(resource, "start", State.STARTING, fine=State.READY)

    def stop(self, resource: Resource, request_id: str) -> Observation:
        """Stop it. The API takes no request id here; stopping what is stopped changes nothing."""
        return self._switch(resource, "stop", State.STOPPING, fine=State.STOPPED)

    def restore(self, resource: Resource, request_id: str) -> Observation:
        """Put the snapshot's data on its data disk. The API takes no request id here."""
        _, project, _, _, snapshot = resource.restore_from.split("/")
        source = {"projectId": project, "snapshotId": snapshot}
        try:
            operation = self._rest.post(f"v2/{resource.name}:restore", {"snapshot": source})
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            if self._instance(resource) is None:
                return Observation(state=State.ABSENT)
            message = f"{resource.restore_from} is gone: there is nothing to restore from"
            raise CloudFault(Fate.PERMANENT, "NOT_FOUND", message) from fault
        return _begun(operation, State.RESTORING)

    def protect(self, resource: Resource, on: bool, request_id: str) -> Observation:
        """Set or lift the protection against deletion, by whomever."""
        # The method's description doesn't list this path; no other method sets the field.
        patch = {"enableDeletionProtection": on}
        return self._patch(resource, ["enable_deletion_protection"], patch, request_id)

    def label(self, resource: Resource, key: str, email: str, request_id: str) -> Observation:
        """Put our labels on it again; those that others gave it stay."""
        instance = self._instance(resource)
        if instance is None:
            return Observation(state=State.ABSENT)
        seen = judged(instance, resource, key, email, None)
        moves = seen.state is not None and seen.state.is_moving
        if seen.state in (None, State.FOREIGN) or moves or seen.labelled:
            return seen
        labels = instance.get("labels", {}) | ownership(key)
        return self._patch(resource, ["labels"], {"labels": labels}, request_id)

    def delete(self, resource: Resource, request_id: str) -> Observation:
        """Delete it, with its disks."""
        try:
            operation = self._rest.delete(f"v2/{resource.name}", requestId=request_id)
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code == "FAILED_PRECONDITION":
                self._refuse_if_protected(resource, fault)
            raise
        return _begun(operation, State.DELETING)

    def consented(self, resource: Resource) -> bool | None:
        """Whether tokens can be made for its owner; None where the API has nothing to ask."""
        answer = self._rest.ask(f"v2/{resource.name}:checkAuthorization", {})
        if answer.get("success"):
            return True
        return False if answer.get("oauth_uri") else None

    def _operation_of(self, resource: Resource) -> Json | None:
        """The operation under way, as it is now; None if there is none, or it was forgotten."""
        if resource.operation:
            try:
                return self._rest.get(f"v2/{resource.operation}")
            except CloudFault as fault:
                if fault.code != "NOT_FOUND":
                    raise
        # What it restored can't be seen in the instance: a restore is never asked for twice as long
        # as the first may have been carried out.
        if resource.under_way is Step.RESTORE and resource.since is not None:
            return lost_operation(self._rest, resource.name, "restore", resource.since)
        # Nor can other changes while they go on, so they are looked for before the instance.
        return running_operation(self._rest, resource.name) if _may_be_at_work(resource) else None

    def _instance(self, resource: Resource) -> Json | None:
        try:
            return self._rest.get(f"v2/{resource.name}")
        except CloudFault as fault:
            if fault.code != "NOT_FOUND":
                raise
            return None

    def _look(self, resource: Resource, judge: _Judge) -> Observation:
        instance = self._instance(resource)
        return Observation(state=State.ABSENT) if instance is None else judge(instance)

    def _still_moving(self, name: str, resource: Resource, judge: _Judge) -> Observation:
        state = resource.under_way.moving if resource.under_way is not None else None
        if state is None and resource.state.is_moving:
            state = resource.state
        if state is None:  # an operation we don't remember the reason of
            return replace(self._look(resource, judge), operation=name, link="", detail="")
        return Observation(state=state, operation=name)

    def _after_failure(self, error: Json, resource: Resource, judge: _Judge) -> Observation:
        problem = end_of(of_status(error)).problem()
        left = replace(self._look(resource, judge), problem=problem)
        if left.state is State.CREATING and resource.under_way is Step.CREATE:
            # Nothing is at work on it any more: it would stay half made for ever.
            return replace(left, state=State.BROKEN, detail="its creation failed half-way")
        return left

    def _switch(self, resource: Resource, verb: str, moving: State, *, fine: State) -> Observation:
        try:
            operation = self._rest.post(f"v2/{resource.name}:{verb}", {})
        except CloudFault as fault:
            if fault.code == "NOT_FOUND":
                return Observation(state=State.ABSENT)
            if fault.code != "FAILED_PRECONDITION":
                raise
            seen = self._look(resource, lambda found: state_of(found, resource))
            if seen.state not in (fine, moving):
                raise
            return seen
        return _begun(operation, moving)

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
        return _begun(operation, State.UPDATING)

    def _refuse_if_protected(self, resource: Resource, fault: CloudFault) -> None:
        instance = self._instance(resource)
        if instance is None or not is_protected(instance):
            return
        by_us = "it is kept by a hold: release that person"
        by_others = (
            "somebody protected it: whoever may update it (Notebooks Admin) can lift that in the "
            "console (Workbench), then send retry"
        )
        how = by_us if resource.protected_by_us else by_others
        message = f"{resource.name} is protected against deletion; {how}"
        raise CloudFault(Fate.PERMANENT, fault.code, message) from fault


def _may_be_at_work(resource: Resource) -> bool:
    """Whether a call whose answer was lost may be carried out now without being seen."""
    lost = [call.step for call in resource.unconfirmed]
    if resource.under_way is not None:
        lost.append(resource.under_way)
    return any(step.is_hidden for step in lost) or (
        # Deleted at last by us, and not by somebody else.
        resource.under_way is None and Step.DELETE in lost
    )


def _name_taken(resource: Resource, fault: CloudFault) -> CloudFault:
    """There is no such notebook, yet its name isn't free: a disk has outlived an earlier one."""
    message = (
        f"{resource.name} can't be made, something else has its name: {fault.message} "
        "Keep the data on it if that is wanted, delete it, then send retry."
    )
    return CloudFault(Fate.TEMPORARY, "NAME_TAKEN", message)


def _begun(operation: Json, state: State) -> Observation:
    name = operation.get("name")
    if not isinstance(name, str) or not name:
        symptom = Symptom(status="NO_ANSWER", message="an answer that names no operation")
        raise fault_of(symptom, changes=True)
    return Observation(state=state, operation=name)
