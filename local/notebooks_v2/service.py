"""The Notebooks v2 REST face: Workbench instances that live through Google's states on our clock.

Every change is a long-running operation whose effect comes when it ends. What the API refuses is
for `notebook_rules` and the discovery document to say. It must not know who its client is.

Choices where Google's documents are silent:
- an instance with an operation under way answers 409 ABORTED to another (AIP-151, parallel work);
- while it is being deleted its state is DELETED, the only state of the enum that says so;
- starting what runs and stopping what is stopped are operations that are done at once and change
  nothing, as with Compute Engine's own VMs;
- an operation that fails or is cancelled leaves the instance as it was, a failed create none;
- the machine type, accelerators and Shielded VM are changed on what is stopped only;
- restoring and enlarging disks work on what runs and what is stopped, and leave it in that state.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from starlette.routing import Route

from local.api.admin import Lever
from local.api.discovery import Discovery, refuse
from local.api.http import Incoming, route
from local.api.locations import location_routes
from local.api.operation_routes import operation_routes
from local.api.operations import Operations
from local.api.store import Collection, listing, page_size, parse_filter
from local.clock import timestamp
from local.cloud import Cloud
from local.compute import Compute
from local.errors import ApiError
from local.notebooks_v2 import rules, states
from local.notebooks_v2.admin_routes import NotebookLevers
from local.notebooks_v2.changes import Change, Changes, no_undoing, without_own_name
from local.notebooks_v2.consents import Consents
from local.notebooks_v2.disks import NotebookDisks, resized
from local.notebooks_v2.proxies import Proxies

Json = dict[str, Any]

_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
_PAGE_DEFAULT, _PAGE_MOST = 100, 1000
_METHODS = "notebooks.projects.locations.instances."


class Notebooks:
    """All instances and operations of one cloud.

    Their disks are made in `compute`; without one, in a Compute that nobody else looks at.
    """

    def __init__(self, cloud: Cloud, compute: Compute | None = None) -> None:
        compute = compute or Compute(cloud)
        compute.settle_first(self._settle)
        self._cloud = cloud
        self._disks = NotebookDisks(compute)
        self._discovery = Discovery("notebooks", "v2")
        self._instances = Collection()
        self._consents = Consents(self._instances)
        self._proxies = Proxies(self._instances)
        self._operations = Operations(cloud.clock)
        self._changes = Changes(cloud, self._operations, service="notebooks", version="v2")

    def routes(self) -> list[Route]:
        """The face at Google's own paths."""
        parent = "/v2/projects/{project}/locations/{location}"
        every, one = parent + "/instances", parent + "/instances/{id}"
        return [
            self._route("GET", every, "list", self._list),
            self._route("POST", every, "create", self._create),
            self._route("POST", one + ":start", "start", self._start),
            self._route("POST", one + ":stop", "stop", self._stop),
            self._route("POST", one + ":reset", "reset", self._reset),
            self._route("POST", one + ":restore", "restore", self._restore),
            self._route("POST", one + ":resizeDisk", "resizeDisk", self._resize_disk),
            self._route("POST", one + ":checkAuthorization", "checkAuthorization", self._authorize),
            self._route("GET", one, "get", self._get),
            self._route("PATCH", one, "patch", self._patch),
            self._route("DELETE", one, "delete", self._delete),
            *operation_routes(self._cloud, "notebooks", parent + "/operations", self._operations),
            *location_routes(self._cloud, "notebooks", "/v2/projects/{project}/locations"),
        ]

    def resources(self) -> list[Json]:
        """Every instance for the admin face: its API form plus a kind."""
        with self._operations.settled() as now:
            self._proxies.settle(now)
            return [{"kind": "notebooks.instance", **deepcopy(i)} for i in self._instances]

    def levers(self) -> list[Lever]:
        """The owners' consent, and states set by hand, for the admin face."""
        names = self._discovery.enum_names("Instance", "state")
        return NotebookLevers(self._instances, self._consents, self._operations, names).all()

    def _route(self, verb: str, path: str, method: str, work: Callable[[Incoming], Json]) -> Route:
        def handler(incoming: Incoming) -> Json:
            target, brought = _target(incoming), incoming.brought()
            with self._cloud.call("notebooks", f"instances.{method}", target, *brought):
                self._discovery.check_query(_METHODS + method, incoming.query.multi_items())
                return work(incoming)

        return route(verb, path, handler)

    # Reading

    def _get(self, incoming: Incoming) -> Json:
        with self._operations.settled() as now:
            self._proxies.settle(now)
            return deepcopy(self._instances.get(_target(incoming)))

    def _list(self, incoming: Incoming) -> Json:
        query = incoming.query
        if query.get("orderBy", "") not in ("", "name"):
            refuse(['orderBy: the local cloud sorts by "name" only'])
        size = page_size(query.get("pageSize"), _PAGE_DEFAULT, _PAGE_MOST)
        wanted = parse_filter(query.get("filter", ""))
        prefix = _parent(incoming).removesuffix("-")  # location "-" is every location
        if prefix == _parent(incoming):
            prefix += "/instances/"
        with self._operations.settled() as now:
            self._proxies.settle(now)
            page, token = self._instances.page(prefix, size, query.get("pageToken", ""), wanted)
        return listing("instances", page, token)

    def _authorize(self, incoming: Incoming) -> Json:
        self._discovery.check("CheckAuthorizationRequest", incoming.json())
        with self._operations.settled() as now:
            return self._consents.authorization(self._instances.get(_target(incoming)), now)

    def _settle(self) -> None:
        with self._operations.settled():
            pass

    # Changing

    def _create(self, incoming: Incoming) -> Json:
        instance_id = incoming.query["instanceId"]
        name = f"{_parent(incoming)}/instances/{instance_id}"
        body = without_own_name(incoming.json(), name)
        refuse(rules.place_violations(incoming.params["location"], instance_id))
        self._discovery.check("Instance", body)
        body = self._discovery.normalised("Instance", body)
        refuse(rules.body_violations(body))

        def begin(now: datetime) -> Change:
            if self._instances.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room("notebooks.instances", len(self._instances))
            instance = states.born(name, body, now)
            self._disks.create(instance, now)
            self._instances.add(name, instance)
            return Change("create", self._runs(name), fail, error=self._shortage(instance))

        def fail(ended: datetime) -> None:
            self._instances.remove(name)
            self._disks.delete(name, ended)

        return self._change(incoming, "create", name, begin)

    def _start(self, incoming: Incoming) -> Json:
        name = _target(incoming)
        return self._switch(incoming, "start", "STARTING", "ACTIVE", self._runs(name))

    def _stop(self, incoming: Incoming) -> Json:
        name = _target(incoming)
        return self._switch(incoming, "stop", "STOPPING", "STOPPED", self._stops(name))

    def _reset(self, incoming: Incoming) -> Json:
        name = _target(incoming)
        return self._switch(incoming, "reset", "STARTING", "", self._runs(name))

    def _switch(
        self,
        incoming: Incoming,
        verb: str,
        during: str,
        after: str,
        succeed: Callable[[datetime], Json],
    ) -> Json:
        self._discovery.check(f"{verb.capitalize()}InstanceRequest", incoming.json())
        name = _target(incoming)

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            before = deepcopy(instance)
            if instance["state"] == after:
                return Change(verb, lambda _: states.response(before), no_undoing, at_once=True)
            if verb == "reset" and instance["state"] != "ACTIVE":
                raise ApiError.failed_precondition(f"'{name}' doesn't run, it can't be reset.")
            states.enter(instance, during, now)
            error = self._shortage(instance) if verb == "start" else None
            return Change(
                verb, succeed, lambda _: self._instances.replace(name, before), error=error
            )

        return self._change(incoming, verb, name, begin)

    def _patch(self, incoming: Incoming) -> Json:
        name, mask = _target(incoming), incoming.query.get("updateMask", "")
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

            return Change("update", succeed, no_undoing)

        return self._change(incoming, "patch", name, begin)

    def _delete(self, incoming: Incoming) -> Json:
        name = _target(incoming)

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

    def _restore(self, incoming: Incoming) -> Json:
        name, body = _target(incoming), incoming.json()
        self._discovery.check("RestoreInstanceRequest", body)
        refuse(rules.restore_violations(body))

        def begin(now: datetime) -> Change:
            instance = self._instances.get(name)
            content = self._disks.snapshot(body["snapshot"], name, now)

            def succeed(ended: datetime) -> Json:
                self._disks.restore(name, content, ended)
                instance["updateTime"] = timestamp(ended)
                return states.response(deepcopy(instance))

            return Change("restore", succeed, no_undoing)

        return self._change(incoming, "restore", name, begin)

    def _resize_disk(self, incoming: Incoming) -> Json:
        name, body = _target(incoming), incoming.json()
        # The document calls both disks required; gcloud sends the one to be enlarged.
        self._discovery.check("ResizeDiskRequest", body, partial=True)

        def begin(_: datetime) -> Change:
            instance = self._instances.get(name)
            larger = resized(instance["gceSetup"], body)

            def succeed(ended: datetime) -> Json:
                instance.update(gceSetup=larger, updateTime=timestamp(ended))
                self._disks.enlarge(name, larger, ended)
                return states.response(deepcopy(instance))

            return Change("update", succeed, no_undoing)

        return self._change(incoming, "resizeDisk", name, begin)

    def _change(
        self, incoming: Incoming, method: str, name: str, begin: Callable[[datetime], Change]
    ) -> Json:
        request_id = incoming.query.get("requestId", "")
        return self._changes.make(f"instances.{method}", name, request_id, begin)

    def _shortage(self, instance: Json) -> ApiError | None:
        """What starting this instance's machine ends in, where its zone is short of such."""
        _, project, _, zone, _, _ = instance["name"].split("/")
        machine = instance["gceSetup"]["machineType"]
        return self._cloud.shortages.refusal(project, zone, machine)

    # What happens when an operation succeeds

    def _runs(self, name: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            instance = self._instances.get(name)
            states.run(instance, ended)
            self._proxies.started(instance, ended, self._cloud.proxy_seconds)
            return states.response(deepcopy(instance))

        return succeed

    def _stops(self, name: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            instance = self._instances.get(name)
            states.enter(instance, "STOPPED", ended)
            return states.response(deepcopy(instance))

        return succeed


def routes(cloud: Cloud) -> list[Route]:
    """The face alone, for a cloud of which nobody asks `resources()`."""
    return Notebooks(cloud).routes()


def _parent(incoming: Incoming) -> str:
    return f"projects/{incoming.params['project']}/locations/{incoming.params['location']}"


def _target(incoming: Incoming) -> str:
    """The instance a request is about; for create the one to be, for list the parent."""
    instance_id = incoming.params.get("id") or incoming.query.get("instanceId")
    parent = _parent(incoming)
    return f"{parent}/instances/{instance_id}" if instance_id else parent
