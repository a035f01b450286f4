"""The Notebooks v1 service of one cloud: its state, its routes and its gRPC handler.

It has no behaviour of its own.
"""

import re

from starlette.routing import Route

from local.api.admin import AdminRoute
from local.api.http import Incoming
from local.cloud import Cloud
from local.errors import ApiError
from local.notebooks_v1 import rest, rpc
from local.notebooks_v1.kinds import Json
from local.notebooks_v1.requests import KINDS
from local.notebooks_v1.state import State

_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/(runtimes|instances)/[^/]+")


class NotebooksV1:
    """`routes()` serves REST, `grpc_handler()` gRPC.

    Creation is refused, as Google does, unless the setting `older_notebooks` is on.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._state = State(cloud)

    def routes(self) -> list[Route]:
        """REST routes at Google's paths."""
        return rest.routes(self._cloud, self._state)

    def grpc_handler(self) -> rpc.Handler:
        """A handler of both gRPC services and their operations."""
        return rpc.Handler(self._cloud, self._state)

    def seed(self, name: str, body: Json | None = None) -> Json:
        """Add an ACTIVE notebook without an API call; its JSON in the form of the API.

        `name`: full name; `body`: as for the API, but no field is required.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            violation = f'name: "{name}" is not the full name of a runtime or an instance'
            raise ApiError.invalid("Invalid request", [violation])
        kind = next(kind for kind in KINDS if kind.collection == match[1])
        return self._state.seed(kind, name, body or {})

    def admin_routes(self) -> list[AdminRoute]:
        """The admin route that adds a notebook."""
        meaning = 'add a v1 notebook: {"name": "projects/…/runtimes/nb1", "body": {}}'
        return [AdminRoute("POST", "/older-notebooks", meaning, self._seed)]

    def resources(self) -> list[Json]:
        """All notebooks for `/_admin/resources`: plus a kind, and with "Input only" fields."""
        return self._state.resources()

    def _seed(self, incoming: Incoming) -> Json:
        asked = incoming.json()
        if not set(asked) <= {"name", "body"} or not isinstance(asked.get("name"), str):
            raise ApiError.invalid('The body must be {"name": "projects/…", "body": {…}}.')
        return self.seed(asked["name"], asked.get("body"))
