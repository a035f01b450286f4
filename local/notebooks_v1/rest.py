"""Notebooks v1 over REST at Google's paths, for gcloud.

It must not know what the methods do.
"""

from starlette.routing import Route

from local.api.http import Incoming, route
from local.api.operation_routes import operation_routes
from local.cloud import Cloud
from local.notebooks_v1.kinds import Json, Kind
from local.notebooks_v1.requests import KINDS, SERVICE, Request
from local.notebooks_v1.state import State

_PARENT = "/v1/projects/{project}/locations/{location}"
_VERBS = {"list": "GET", "create": "POST", "get": "GET", "delete": "DELETE", "setLabels": "PATCH"}


def routes(cloud: Cloud, state: State) -> list[Route]:
    """Routes of all methods of both kinds, and of their operations."""
    methods = [
        _method(cloud, state, kind, method)
        # Paths with a custom verb first: "{id}" would match them too.
        for kind in KINDS
        for method in sorted(kind.methods, key=lambda method: method in _VERBS)
    ]
    operations = operation_routes(cloud, SERVICE, _PARENT + "/operations", state.operations)
    return methods + operations


def _method(cloud: Cloud, state: State, kind: Kind, method: str) -> Route:
    path = f"{_PARENT}/{kind.collection}"
    if method not in ("list", "create"):
        path += "/{id}"
    if method not in ("list", "create", "get", "delete"):
        path += f":{method}"

    def handler(incoming: Incoming) -> Json:
        place = incoming.path.removeprefix("/v1/").removesuffix(f":{method}")
        if method in ("list", "create"):
            place = place.removesuffix(f"/{kind.collection}")
        request = Request(kind, method, place, dict(incoming.query))
        with cloud.call(SERVICE, request.call, request.target, *incoming.permission_conditions()):
            return state.serve(request, incoming.json())

    return route(_VERBS.get(method, "POST"), path, handler)
