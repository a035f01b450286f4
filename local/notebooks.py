"""The Notebooks v2 REST face: Workbench instances that live through Google's states on our clock.

Every change is a long-running operation whose effect comes when it ends. What the API refuses is
for `notebook_rules` and the discovery document to say. It must not know who its client is.

Choices where Google's documents are silent:
- an instance with an operation under way answers 409 ABORTED to another (AIP-151, parallel work);
- while it is being deleted its state is DELETED, the only state of the enum that says so;
- starting what runs and stopping what is stopped are operations that are done at once and change
  nothing, as with Compute Engine's own VMs;
- an operation that fails or is cancelled leaves the instance as it was, a failed create none.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.routing import Route

from local import notebook_rules as rules
from local import notebook_states as states
from local.clock import timestamp
from local.cloud import Cloud
from local.discovery import Discovery, refuse
from local.errors import ApiError
from local.locations import location_routes
from local.operations import Operation, Operations, operation_id
from local.operations_face import operation_routes
from local.store import Collection, listing, page_size, parse_filter
from local.web import Incoming, route

Json = dict[str, Any]

_EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}
_PAGE_DEFAULT, _PAGE_MOST = 100, 1000
_METHODS = "notebooks.projects.locations.instances."


@dataclass(frozen=True, slots=True)
class _Change:
    """A change to one instance, before it becomes an operation."""

    verb: str
    succeed: Callable[[datetime], Json]
    fail: Callable[[datetime], None]
    at_once: bool = False  # nothing to do: the operation is born done


class Notebooks:
    """All instances and operations of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("notebooks", "v2")
        self._instances = Collection()
        self._operations = Operations(cloud.clock)

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
            self._route("POST", one + ":checkAuthorization", "checkAuthorization", self._authorize),
            self._route("GET", one, "get", self._get),
            self._route("PATCH", one, "patch", self._patch),
            self._route("DELETE", one, "delete", self._delete),
            *operation_routes(self._cloud, "notebooks", parent + "/operations", self._operations),
            *location_routes(self._cloud, "notebooks", "/v2/projects/{project}/locations"),
        ]

    def resources(self) -> list[Json]:
        """Every instance for the admin face: its API form plus a kind."""
        with self._operations.settled():
            return [{"kind": "notebooks.instance", **deepcopy(i)} for i in self._instances]

    def _route(self, verb: str, path: str, method: str, work: Callable[[Incoming], Json]) -> Route:
        def handler(incoming: Incoming) -> Json:
            with self._cloud.call("notebooks", f"instances.{method}", _target(incoming)):
                self._discovery.check_query(_METHODS + method, incoming.query.multi_items())
                return work(incoming)

        return route(verb, path, handler)

    # Reading

    def _get(self, incoming: Incoming) -> Json:
        with self._operations.settled():
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
        with self._operations.settled():
            page, token = self._instances.page(prefix, size, query.get("pageToken", ""), wanted)
        return listing("instances", page, token)

    def _authorize(self, incoming: Incoming) -> Json:
        self._discovery.check("CheckAuthorizationRequest", incoming.json())
        with self._operations.settled() as now:
            self._instances.get(_target(incoming))
            return {"success": True, "createTime": timestamp(now)}

    # Changing

    def _create(self, incoming: Incoming) -> Json:
        instance_id = incoming.query["instanceId"]
        name = f"{_parent(incoming)}/instances/{instance_id}"
        body = _without_own_name(incoming.json(), name)
        refuse(rules.place_violations(incoming.params["location"], instance_id))
        self._discovery.check("Instance", body)
        body = self._discovery.normalised("Instance", body)
        refuse(rules.body_violations(body))

        def begin(now: datetime) -> _Change:
            if self._instances.find(name) is not None:
                raise ApiError.already_exists(name)
            self._cloud.quotas.check_room("notebooks.instances", len(self._instances))
            self._instances.add(name, states.born(name, body, now))
            return _Change("create", self._runs(name), lambda _: self._instances.remove(name))

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

        def begin(now: datetime) -> _Change:
            instance = self._instances.get(name)
            before = deepcopy(instance)
            if instance["state"] == after:
                return _Change(
                    verb, lambda _: states.response(before), lambda _: None, at_once=True
                )
            if verb == "reset" and instance["state"] != "ACTIVE":
                raise ApiError.failed_precondition(f"'{name}' doesn't run, it can't be reset.")
            states.enter(instance, during, now)
            return _Change(verb, succeed, lambda _: self._instances.replace(name, before))

        return self._change(incoming, verb, name, begin)

    def _patch(self, incoming: Incoming) -> Json:
        name, mask = _target(incoming), incoming.query.get("updateMask", "")
        body = _without_own_name(incoming.json(), name)
        refuse(rules.mask_violations(mask))
        self._discovery.check("Instance", body, partial=True)
        body = self._discovery.normalised("Instance", body)
        refuse(rules.one_way_violations(body, mask))

        def begin(now: datetime) -> _Change:
            updated = rules.patched(self._instances.get(name), body, mask)
            refuse(rules.body_violations(updated))

            def succeed(ended: datetime) -> Json:
                updated["updateTime"] = timestamp(ended)
                self._instances.replace(name, updated)
                return states.response(updated)

            return _Change("update", succeed, lambda _: None)

        return self._change(incoming, "patch", name, begin)

    def _delete(self, incoming: Incoming) -> Json:
        name = _target(incoming)

        def begin(now: datetime) -> _Change:
            instance = self._instances.get(name)
            if instance.get("enableDeletionProtection"):
                raise ApiError.failed_precondition(f"'{name}' is protected against deletion.")
            before = deepcopy(instance)
            states.enter(instance, "DELETED", now)

            def succeed(_: datetime) -> Json:
                self._instances.remove(name)
                return dict(_EMPTY)

            return _Change("delete", succeed, lambda _: self._instances.replace(name, before))

        return self._change(incoming, "delete", name, begin)

    def _change(
        self, incoming: Incoming, method: str, name: str, begin: Callable[[datetime], _Change]
    ) -> Json:
        """Repeat, refuse or begin a change: the one way by which an operation comes to be."""
        request_id = incoming.query.get("requestId", "")
        refuse(rules.request_id_violations(request_id))
        parent = _parent(incoming)
        scope = f"{parent} {method}"
        with self._operations.settled() as now:
            repeated = self._operations.repeated(scope, request_id, name)
            if repeated is not None:
                return repeated.to_json()
            busy = self._operations.busy_with(name)
            if busy is not None and method != "create":
                raise ApiError.aborted(f"'{name}' is busy with operation '{busy.name}'.")
            change = begin(now)
            operation = Operation(
                name=f"{parent}/operations/{operation_id(now)}",
                verb=change.verb,
                target=name,
                begun=now,
                ends=now if change.at_once else now + self._cloud.operation_time(change.verb),
                succeed=change.succeed,
                fail=change.fail,
                describe=states.operation_metadata,
                error=self._cloud.operation_fault("notebooks", f"instances.{method}", name),
            )
            self._operations.begin(operation)
            self._operations.remember(scope, request_id, operation)
            return operation.to_json()

    # What happens when an operation succeeds

    def _runs(self, name: str) -> Callable[[datetime], Json]:
        def succeed(ended: datetime) -> Json:
            instance = self._instances.get(name)
            states.run(instance, ended)
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


def _without_own_name(body: Json, name: str) -> Json:
    # gcloud and Google's clients put the resource's own name or id into the body although the
    # document calls it output only, and the API takes it; any other name stays and is refused.
    if body.get("name") in (name, name.rsplit("/", 1)[1]):
        return {key: value for key, value in body.items() if key != "name"}
    return body
