"""The methods that change an instance. Each is a long-running operation with its effect at its end.

It must not know HTTP routes.

Where Google's documents say nothing:
- a change during another change of the instance is a 409 ABORTED (AIP-151, parallel operations);
- an instance that is being deleted has the state DELETED, the only state of the enum for that;
- starting a running instance or stopping a stopped one ends at once and changes nothing, as with
  Compute Engine's VMs;
- an operation that fails or is cancelled leaves the instance as it was, a failed create none;
- machine type, accelerators and Shielded VM can be changed only on a stopped instance;
- restoring and enlarging disks are possible on running and stopped instances, and keep the state.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from local.api.discovery import Discovery, refuse
from local.api.http import Incoming
from local.api.operations import Operations
from local.api.store import Collection
from local.clock import timestamp
from local.cloud import Cloud
from local.errors import ApiError
from local.notebooks_v2 import rules, states
from local.notebooks_v2.changes import Change, Changes, nothing_to_undo, without_own_name
from local.notebooks_v2.disks import NotebookDisks, resized
from local.notebooks_v2.proxies import Proxies
from local.notebooks_v2.requests import instance_name, parent_name

Json = dict[str, Any]

_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


class InstanceChanges:
    def __init__(
        self,
        cloud: Cloud,
        discovery: Discovery,
        operations: Operations,
        instances: Collection,
        disks: NotebookDisks,
        proxies: Proxies,
    ) -> None:
        self._cloud = cloud
        self._discovery = discovery
        self._instances = instances
        self._disks = disks
        self._proxies = proxies
        self._changes = Changes(cloud, operations, service="notebooks", version="v2")

    def create(self, incoming: Incoming) -> Json:
        instance_id = incoming.query["instanceId"]
        name = f"{parent_name(incoming)}/instances/{instance_id}"
        body = without_own_name(incoming.json(), name)
        refuse(rules.place_violations(incoming.params["location"], instance_id))
        self._discovery.check("Instance", body)
        body = self._discovery.normalised("Instance", body)
        refuse(rules.body_violations(body))

        def begin(now: datetime) -> Change:
            if self._instances.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room("notebooks.instances", len(self._instances))
            instance = states.new_instance(name, body, now)
            self._disks.create(instance, now)
            self._instances.add(name, instance)
            return Change("create", self._run_at_end(name), fail, error=self._shortage(instance))

        def fail(ended: datetime) -> None:
            self._instances.remove(name)
            self._disks.delete(name, ended)

        return self._change(incoming, "create", name, begin)

    def start(self, incoming: Incoming) -> Json:
        name = instance_name(incoming)
        return self._change_state(incoming, "start", "STARTING", "ACTIVE", self._run_at_end(name))

    def stop(self, incoming: Incoming) -> Json:
        name = instance_name(incoming)
        return self._change_state(incoming, "stop", "STOPPING", "STOPPED", self._stop_at_end(name))

    def reset(self, incoming: Incoming) -> Json:
        name = instance_name(incoming)
        return self._change_state(incoming, "reset", "STARTING", "", self._run_at_end(name))

    def _change_state(
        self,
        incoming: Incoming,
        verb: str,
        during: str,
        after: str,
        succeed: Callable[[datetime], Json],
    ) -> Json:
        self._discovery.check(f"{verb.capitalize()}InstanceRequest", incoming.json())
        name = instance_name(incoming)

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            before = deepcopy(instance)
            if instance["state"] == after:
                return Change(
                    verb, lambda _: states.response(before), nothing_to_undo, immediate=True
                )
            if verb == "reset" and instance["state"] != "ACTIVE":
                raise ApiError.failed_precondition(f"'{name}' doesn't run, it can't be reset.")
            states.enter(instance, during, now)
            error = self._shortage(instance) if verb == "start" else None
            return Change(
                verb, succeed, lambda _: self._instances.replace(name, before), error=error
            )

        return self._change(incoming, verb, name, begin)

    def patch(self, incoming: Incoming) -> Json:
        name, mask = instance_name(incoming), incoming.query.get("updateMask", "")
        body = without_own_name(incoming.json(), name)
        refuse(rules.mask_violations(mask))
        self._discovery.check("Instance", body, partial=True)
        body = self._discovery.normalised("Instance", body)
        refuse(rules.one_way_violations(body, mask))

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            if rules.needs_stop(mask) and instance["state"] != "STOPPED":
                raise ApiError.failed_precondition(f"'{name}' must be stopped for that.")
            updated = rules.patched(instance, body, mask)
            refuse(rules.body_violations(updated))

            def succeed(ended: datetime) -> Json:
                updated["updateTime"] = timestamp(ended)
                self._instances.replace(name, updated)
                return states.response(updated)

            return Change("update", succeed, nothing_to_undo)

        return self._change(incoming, "patch", name, begin)

    def delete(self, incoming: Incoming) -> Json:
        name = instance_name(incoming)

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            if instance.get("enableDeletionProtection"):
                raise ApiError.failed_precondition(f"'{name}' is protected against deletion.")
            before = deepcopy(instance)
            states.enter(instance, "DELETED", now)

            def succeed(ended: datetime) -> Json:
                self._instances.remove(name)
                self._disks.delete(name, ended)
                return dict(_EMPTY)

            return Change("delete", succeed, lambda _: self._instances.replace(name, before))

        return self._change(incoming, "delete", name, begin)

    def restore(self, incoming: Incoming) -> Json:
        name, body = instance_name(incoming), incoming.json()
        self._discovery.check("RestoreInstanceRequest", body)
        refuse(rules.restore_violations(body))

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            content = self._disks.snapshot(body["snapshot"], name, now)

            def succeed(ended: datetime) -> Json:
                self._disks.restore(name, content, ended)
                instance["updateTime"] = timestamp(ended)
                return states.response(deepcopy(instance))

            return Change("restore", succeed, nothing_to_undo)

        return self._change(incoming, "restore", name, begin)

    def resize_disk(self, incoming: Incoming) -> Json:
        name, body = instance_name(incoming), incoming.json()
        # The document requires both disks; gcloud sends only the one to enlarge.
        self._discovery.check("ResizeDiskRequest", body, partial=True)

        def begin(_: datetime) -> Change:
            instance = self._instances.get(name)
            larger = resized(instance["gceSetup"], body)

            def succeed(ended: datetime) -> Json:
                instance.update(gceSetup=larger, updateTime=timestamp(ended))
                self._disks.enlarge(name, larger, ended)
                return states.response(deepcopy(instance))

            return Change("update", succeed, nothing_to_undo)

        return self._change(incoming, "resizeDisk", name, begin)

    def _change(
        self, incoming: Incoming, method: str, name: str, begin: Callable[[datetime], Change]
    ) -> Json:
        request_id = incoming.query.get("requestId", "")
        return self._changes.make(f"instances.{method}", name, request_id, begin)

    def _shortage(self, instance: Json) -> ApiError | None:
        """The error of starting this instance, if its zone has no capacity."""
        _, project, _, zone, _, _ = instance["name"].split("/")
        machine = instance["gceSetup"]["machineType"]
        return self._cloud.shortages.refusal(project, zone, machine)

    # Effects of operations

    def _run_at_end(self, name: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            instance = self._instances.get(name)
            states.run(instance, ended)
            self._proxies.started(instance, ended, self._cloud.proxy_seconds)
            return states.response(deepcopy(instance))

        return succeed

    def _stop_at_end(self, name: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            instance = self._instances.get(name)
            states.enter(instance, "STOPPED", ended)
            return states.response(deepcopy(instance))

        return succeed
