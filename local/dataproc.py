"""The Dataproc v1 REST face: session templates and clusters side by side.

It routes requests to its two halves; what they mean is theirs. Enums are taken as names and as
numbers (clients ask for enum-encoding=int) and answered as names, which every reader of the
protobuf JSON mapping understands.
"""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from local.cloud import Cloud
from local.dataproc_clusters import Clusters
from local.dataproc_templates import SessionTemplates
from local.discovery import Discovery
from local.errors import ApiError
from local.web import Incoming, route

Json = dict[str, Any]


class Dataproc:
    """All session templates, clusters and cluster operations of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._discovery = Discovery("dataproc", "v1")
        self._templates = SessionTemplates(cloud, self._discovery)
        self._clusters = Clusters(cloud, self._discovery)

    def routes(self) -> list[Route]:
        """The face at Google's own paths."""
        templates = "/v1/projects/{project}/locations/{location}/sessionTemplates"
        clusters = "/v1/projects/{project}/regions/{region}/clusters"
        of_template, of_cluster = self._templates, self._clusters
        return [
            self._route("GET", templates, "sessionTemplates.list", of_template.list),
            self._route("POST", templates, "sessionTemplates.create", of_template.create),
            self._route("GET", templates + "/{id}", "sessionTemplates.get", of_template.get),
            self._route("PATCH", templates + "/{id}", "sessionTemplates.patch", of_template.patch),
            self._route(
                "DELETE", templates + "/{id}", "sessionTemplates.delete", of_template.delete
            ),
            self._route("GET", clusters, "clusters.list", of_cluster.list),
            self._route("POST", clusters, "clusters.create", of_cluster.create),
            self._route("GET", clusters + "/{id}", "clusters.get", of_cluster.get),
            self._route("DELETE", clusters + "/{id}", "clusters.delete", of_cluster.delete),
            *of_cluster.operation_routes(),
        ]

    def resources(self) -> list[Json]:
        """Everything for the admin face: its API form plus a kind."""
        return self._templates.resources() + self._clusters.resources()

    def _route(self, verb: str, path: str, method: str, work: Callable[[Incoming], Json]) -> Route:
        place = "locations" if method.startswith("sessionTemplates") else "regions"
        described = f"dataproc.projects.{place}.{method}"

        def handler(incoming: Incoming) -> Json:
            with self._cloud.call("dataproc", method, _target(incoming)):
                self._discovery.check_query(described, incoming.query.multi_items())
                return work(incoming)

        return route(verb, path, handler)


def routes(cloud: Cloud) -> list[Route]:
    """The face alone, for a cloud of which nobody asks `resources()`."""
    return Dataproc(cloud).routes()


def _target(incoming: Incoming) -> str:
    """What a request is about, by full name: a create names its resource in the body."""
    place = incoming.path.removeprefix("/v1/")
    try:
        body = incoming.json() if incoming.method == "POST" else {}
    except ApiError:  # said properly by the method itself
        body = {}
    if "clusterName" in body:
        return f"{place}/{body['clusterName']}"
    return str(body.get("name", place))
