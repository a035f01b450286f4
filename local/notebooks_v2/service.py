"""The REST API of Notebooks v2: routes for Workbench instances, and the methods that read them.

It must not know its clients.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from starlette.routing import Route

from local.api.admin import AdminRoute
from local.api.discovery import Discovery, refuse
from local.api.http import Incoming, route
from local.api.locations import location_routes
from local.api.operation_routes import operation_routes
from local.api.operations import Operations
from local.api.store import Collection, listing, page_size, parse_filter
from local.cloud import Cloud
from local.compute import Compute
from local.notebooks_v2.admin_routes import NotebookAdminRoutes
from local.notebooks_v2.consents import Consents
from local.notebooks_v2.disks import NotebookDisks
from local.notebooks_v2.instance_changes import InstanceChanges
from local.notebooks_v2.proxies import Proxies
from local.notebooks_v2.requests import instance_name, parent_name

Json = dict[str, Any]

_PAGE_DEFAULT, _PAGE_MOST = 100, 1000
_METHODS = "notebooks.projects.locations.instances."


class Notebooks:
    """All instances and operations of one cloud.

    Their disks are created in `compute`, or in a separate Compute if none is given.
    """

    def __init__(self, cloud: Cloud, compute: Compute | None = None) -> None:
        compute = compute or Compute(cloud)
        compute.settle_first(self._settle)
        self._cloud = cloud
        self._discovery = Discovery("notebooks", "v2")
        self._instances = Collection()
        self._consents = Consents(self._instances)
        self._proxies = Proxies(self._instances)
        self._operations = Operations(cloud.clock)
        self._changes = InstanceChanges(
            cloud,
            self._discovery,
            self._operations,
            self._instances,
            NotebookDisks(compute),
            self._proxies,
        )

    def routes(self) -> list[Route]:
        """Routes at Google's paths."""
        parent = "/v2/projects/{project}/locations/{location}"
        every, one = parent + "/instances", parent + "/instances/{id}"
        return [
            self._route("GET", every, "list", self._list),
            self._route("POST", every, "create", self._changes.create),
            self._route("POST", one + ":start", "start", self._changes.start),
            self._route("POST", one + ":stop", "stop", self._changes.stop),
            self._route("POST", one + ":reset", "reset", self._changes.reset),
            self._route("POST", one + ":restore", "restore", self._changes.restore),
            self._route("POST", one + ":resizeDisk", "resizeDisk", self._changes.resize_disk),
            self._route("POST", one + ":checkAuthorization", "checkAuthorization", self._authorize),
            self._route("GET", one, "get", self._get),
            self._route("PATCH", one, "patch", self._changes.patch),
            self._route("DELETE", one, "delete", self._changes.delete),
            *operation_routes(self._cloud, "notebooks", parent + "/operations", self._operations),
            *location_routes(self._cloud, "notebooks", "/v2/projects/{project}/locations"),
        ]

    def resources(self) -> list[Json]:
        """All instances for `/_admin/resources`: in the form of the API, plus a kind."""
        with self._operations.settled() as now:
            self._proxies.settle(now)
            return [{"kind": "notebooks.instance", **deepcopy(i)} for i in self._instances]

    def admin_routes(self) -> list[AdminRoute]:
        """Admin routes for the owners' consent and for an instance's state."""
        names = self._discovery.enum_names("Instance", "state")
        return NotebookAdminRoutes(self._instances, self._consents, self._operations, names).all()

    def _route(self, verb: str, path: str, method: str, work: Callable[[Incoming], Json]) -> Route:
        def handler(incoming: Incoming) -> Json:
            target, conditions = instance_name(incoming), incoming.permission_conditions()
            with self._cloud.call("notebooks", f"instances.{method}", target, *conditions):
                self._discovery.check_query(_METHODS + method, incoming.query.multi_items())
                return work(incoming)

        return route(verb, path, handler)

    def _get(self, incoming: Incoming) -> Json:
        with self._operations.settled() as now:
            self._proxies.settle(now)
            return deepcopy(self._instances.get(instance_name(incoming)))

    def _list(self, incoming: Incoming) -> Json:
        query = incoming.query
        if query.get("orderBy", "") not in ("", "name"):
            refuse(['orderBy: the local cloud sorts by "name" only'])
        size = page_size(query.get("pageSize"), _PAGE_DEFAULT, _PAGE_MOST)
        wanted = parse_filter(query.get("filter", ""))
        prefix = parent_name(incoming).removesuffix("-")  # location "-" is every location
        if prefix == parent_name(incoming):
            prefix += "/instances/"
        with self._operations.settled() as now:
            self._proxies.settle(now)
            page, token = self._instances.page(prefix, size, query.get("pageToken", ""), wanted)
        return listing("instances", page, token)

    def _authorize(self, incoming: Incoming) -> Json:
        self._discovery.check("CheckAuthorizationRequest", incoming.json())
        with self._operations.settled() as now:
            return self._consents.authorization(self._instances.get(instance_name(incoming)), now)

    def _settle(self) -> None:
        with self._operations.settled():
            pass
