"""The REST API of Dataproc v1: routes for session templates, sessions and clusters.

Requests may have enums as names or as numbers (clients ask for enum-encoding=int); answers have
names, which every reader of the protobuf JSON mapping accepts.
"""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from local.api.discovery import Discovery
from local.api.http import Incoming, route
from local.api.operation_routes import operation_routes
from local.api.operations import Operations
from local.cloud import Cloud
from local.dataproc.changes import resource_name
from local.dataproc.clusters import Clusters
from local.dataproc.session_templates import SessionTemplates
from local.dataproc.sessions import Sessions
from local.errors import ApiError

Json = dict[str, Any]


class Dataproc:
    """All session templates, sessions, clusters and operations of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("dataproc", "v1")
        self._operations = Operations(cloud.clock)
        self._templates = SessionTemplates(cloud, self._discovery)
        self._sessions = Sessions(cloud, self._discovery, self._operations, self._templates)
        self._clusters = Clusters(cloud, self._discovery, self._operations)

    def routes(self) -> list[Route]:
        """Routes at Google's paths."""
        location = "/v1/projects/{project}/locations/{location}"
        region = "/v1/projects/{project}/regions/{region}"
        return [
            *self._template_routes(location + "/sessionTemplates"),
            *self._session_routes(location + "/sessions"),
            *self._cluster_routes(region + "/clusters"),
            *operation_routes(self._cloud, "dataproc", region + "/operations", self._operations),
        ]

    def resources(self) -> list[Json]:
        """All resources for `/_admin/resources`: in the form of the API, plus a kind."""
        return self._templates.resources() + self._sessions.resources() + self._clusters.resources()

    def _template_routes(self, every: str) -> list[Route]:
        one, of = every + "/{id}", self._templates
        return [
            self._route("GET", every, "sessionTemplates.list", of.list),
            self._route("POST", every, "sessionTemplates.create", of.create),
            self._route("GET", one, "sessionTemplates.get", of.get),
            self._route("PATCH", one, "sessionTemplates.patch", of.patch),
            self._route("DELETE", one, "sessionTemplates.delete", of.delete),
        ]

    def _session_routes(self, every: str) -> list[Route]:
        one, of = every + "/{id}", self._sessions
        return [
            self._route("GET", every, "sessions.list", of.list),
            self._route("POST", every, "sessions.create", of.create),
            self._route("POST", one + ":terminate", "sessions.terminate", of.terminate),
            self._route("GET", one, "sessions.get", of.get),
            self._route("DELETE", one, "sessions.delete", of.delete),
        ]

    def _cluster_routes(self, every: str) -> list[Route]:
        one, of = every + "/{id}", self._clusters
        return [
            self._route("GET", every, "clusters.list", of.list),
            self._route("POST", every, "clusters.create", of.create),
            self._route("POST", one + ":stop", "clusters.stop", of.stop),
            self._route("POST", one + ":start", "clusters.start", of.start),
            self._route(
                "POST",
                one + ":injectCredentials",
                "clusters.injectCredentials",
                of.inject_credentials,
            ),
            self._route("GET", one, "clusters.get", of.get),
            self._route("PATCH", one, "clusters.patch", of.patch),
            self._route("DELETE", one, "clusters.delete", of.delete),
        ]

    def _route(self, verb: str, path: str, method: str, work: Callable[[Incoming], Json]) -> Route:
        place = "locations" if method.startswith("session") else "regions"
        described = f"dataproc.projects.{place}.{method}"

        def handler(incoming: Incoming) -> Json:
            with self._cloud.call(
                "dataproc", method, _target(incoming), *incoming.permission_conditions()
            ):
                self._discovery.check_query(described, incoming.query.multi_items())
                return work(incoming)

        return route(verb, path, handler)


def _target(incoming: Incoming) -> str:
    """The full name of a request's resource; for a create, of the new one."""
    target = resource_name(incoming)
    if incoming.method != "POST" or "id" in incoming.params:
        return target
    if "sessionId" in incoming.query:
        return f"{target}/{incoming.query['sessionId']}"
    try:
        body = incoming.json()
    except ApiError:  # the method itself reports an invalid body
        return target
    if "clusterName" in body:
        return f"{target}/{body['clusterName']}"
    return str(body.get("name", target))
